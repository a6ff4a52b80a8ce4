//! A simulated vendor in the process, for tutorials and tests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mtdh_engine::{Config, SecretString};
use mtdh_sim::{FULL_KEY, Sim};
use pyo3::prelude::*;

use crate::error::raise;
use crate::lake::{Lake, Shared};
use crate::runtime::{runtime, wait_briefly};

/// A simulated vendor, served on loopback until it is stopped.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Demo {
    sim: Mutex<Option<Sim>>,
    config: Config,
}

#[pymethods]
impl Demo {
    /// Starts the vendor. `lake` is the folder of the lake, `cache` one for the vendor's metadata. `seed` fixes the data.
    #[new]
    fn new(py: Python<'_>, lake: String, cache: PathBuf, seed: Option<u64>) -> PyResult<Demo> {
        let mut of_sim = mtdh_sim::Config::default();
        of_sim.seed = seed.unwrap_or(of_sim.seed);
        let started = wait_briefly(py, Sim::start(of_sim))?;
        let sim = started.map_err(|error| {
            raise(py, "Error", &format!("the simulated vendor cannot start: {error}"), None)
        })?;
        let config = Config {
            lake,
            api: sim.api_url(),
            datasets: sim.datasets_url(),
            binance: Some(sim.binance_url()),
            key: Some(SecretString::from(FULL_KEY.to_owned())),
            cache_folder: cache,
            ..Config::default()
        };
        Ok(Demo { sim: Mutex::new(Some(sim)), config })
    }

    /// The lake, whose vendor is the simulated one.
    fn lake(&self) -> Lake {
        Lake { shared: Shared::new(self.config.clone(), Duration::ZERO) }
    }

    /// The address of the vendor's metadata.
    #[getter]
    fn api_url(&self) -> &str {
        &self.config.api
    }

    /// The address of the exchange's own candles.
    #[getter]
    fn binance_url(&self) -> Option<&str> {
        self.config.binance.as_deref()
    }

    /// Stops the vendor.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let taken = self.sim.lock().unwrap_or_else(PoisonError::into_inner).take();
        match taken {
            Some(sim) => wait_briefly(py, sim.stop()),
            None => Ok(()),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let taken = self.sim.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its tasks end with it; they belong to the runtime.
        if let (Some(sim), Ok(runtime)) = (taken, runtime()) {
            let _entered: tokio::runtime::EnterGuard<'_> = Arc::as_ref(&runtime).enter();
            drop(sim);
        }
    }
}

//! Errors of the engine as exceptions of the package.

use mtdh_engine::{EngineError, ErrorKind, LakeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception of an engine's error: its class by what the caller can do, its text, and the program's hint.
pub fn raised(py: Python<'_>, error: EngineError) -> PyErr {
    let class = class(&error);
    let text = mtdh_engine::chain(&error);
    let hint = hint(&error).or_else(|| {
        // The program's advice, where it does not speak of its verbs and flags.
        let hint = mtdh::hints::hint(&anyhow::Error::new(error))?;
        (!hint.contains("mtdh ") && !hint.contains("--")).then_some(hint)
    });
    raise(py, class, &text, hint.as_deref())
}

/// What can be done about an error, as calls.
fn hint(error: &EngineError) -> Option<String> {
    Some(match error {
        EngineError::NoInstruments(day) => {
            format!("lake.write_instruments(\"{day}\") makes it; lake.download(…) does so too")
        }
        EngineError::NoDigest { .. } => "read_bytes=True reads them".to_owned(),
        EngineError::CertifiedLimit => "name them by instruments= in place of max_instruments=".to_owned(),
        EngineError::NoInstrumentTable => "lake.write_instruments(day) makes one; lake.download(…) does so too".to_owned(),
        EngineError::Lake(LakeError::NoFolder(_)) => {
            "name another lake, mtdh.Lake(url), or fill this one: lake.download(\"2024-03-01\", venues=\"DERIBIT\")".to_owned()
        }
        EngineError::Lake(LakeError::NoBucket { .. }) => "make the bucket first, or name another lake".to_owned(),
        EngineError::Lake(LakeError::WrongTable { path, .. }) if path.ends_with("/instruments.parquet") => {
            "lake.write_instruments(day, venues=…) makes the table again, with all venues that the day is to have".to_owned()
        }
        EngineError::Lake(error) if error.is_distrust() => {
            "lake.download(day, instruments=[key], data_types=[type], force=True) fetches it again".to_owned()
        }
        EngineError::Lake(LakeError::Changed { .. }) => "read again".to_owned(),
        EngineError::Lake(LakeError::Newer { .. }) => "pip install --upgrade mtdh".to_owned(),
        _ => return None,
    })
}

/// An exception of the package by the name of its class.
pub fn raise(py: Python<'_>, class: &str, text: &str, hint: Option<&str>) -> PyErr {
    let made = exceptions(py).and_then(|module| module.call_method1("of", (class, text, hint)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

fn exceptions(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || Ok::<_, PyErr>(py.import("mtdh._errors")?.into_any().unbind()))?;
    Ok(module.bind(py).clone())
}

/// A class that Python people would catch.
fn class(error: &EngineError) -> &'static str {
    match (error, error.kind()) {
        (EngineError::UnknownInstrument { .. } | EngineError::NotAKey { .. } | EngineError::BadKey(_), _) => {
            "UnknownInstrument"
        }
        (EngineError::Lake(error), _) if error.is_distrust() => "DamagedObject",
        (EngineError::Lake(LakeError::Newer { .. }), _) => "NewerLake",
        (_, ErrorKind::UsedUp) => "QuotaUsedUp",
        (_, ErrorKind::Refused) => "Refused",
        (EngineError::Lake(_), ErrorKind::NotFound | ErrorKind::Busy | ErrorKind::Failed) => "LakeAway",
        (_, ErrorKind::Busy) => "VendorAway",
        (_, ErrorKind::NotFound) => "NotFound",
        (_, ErrorKind::Invalid) => "BadRequest",
        _ => "Error",
    }
}

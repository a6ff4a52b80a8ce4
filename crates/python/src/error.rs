//! Errors of the engine as exceptions of the package.

use mtdh_engine::{EngineError, ErrorKind, LakeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception of an engine's error: its class by what the caller can do, its text, and the program's hint.
pub fn raised(py: Python<'_>, error: EngineError) -> PyErr {
    let class = class(&error);
    let text = mtdh_engine::chain(&error);
    let error = anyhow::Error::new(error);
    raise(py, class, &text, mtdh::hints::hint(&error).as_deref())
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

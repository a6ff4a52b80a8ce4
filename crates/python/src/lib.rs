//! The native part of the Python package `mtdh`: the engine for Python, and the program that `pip install` brings.
//!
//! Python sees it as `mtdh._mtdh`. It has no API of its own: `python/mtdh` gives names, defaults and conversions. Arrow data is
//! handed over by the C stream interface, without a copy. The interpreter's lock is free while Rust works.

mod certificates;
mod demo;
mod error;
mod export;
mod find;
mod iceberg;
mod lake;
mod numpy;
mod program;
mod rows;
mod runs;
mod runtime;
mod tables;
mod times;
mod validation;
mod want;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _mtdh(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<lake::Lake>()?;
    module.add_class::<demo::Demo>()?;
    module.add_class::<rows::Rows>()?;
    module.add_class::<rows::Chosen>()?;
    module.add_class::<rows::Batches>()?;
    module.add_class::<rows::Reading>()?;
    module.add_class::<numpy::Buffer>()?;
    module.add_function(wrap_pyfunction!(program::main, module)?)?;
    module.add_function(wrap_pyfunction!(times::time_range, module)?)?;
    module.add_function(wrap_pyfunction!(times::days, module)?)?;
    module.add_function(wrap_pyfunction!(runs::download, module)?)?;
    module.add_function(wrap_pyfunction!(runs::plan, module)?)?;
    module.add_function(wrap_pyfunction!(runs::validate, module)?)?;
    module.add_function(wrap_pyfunction!(certificates::certify, module)?)?;
    module.add_function(wrap_pyfunction!(certificates::verify, module)?)?;
    module.add_function(wrap_pyfunction!(want::wanted, module)?)?;
    module.add_function(wrap_pyfunction!(want::want, module)?)?;
    module.add_function(wrap_pyfunction!(want::unwant, module)?)?;
    module.add_function(wrap_pyfunction!(want::sync, module)?)?;
    module.add_function(wrap_pyfunction!(want::plan_sync, module)?)?;
    module.add_function(wrap_pyfunction!(want::rm, module)?)?;
    module.add_function(wrap_pyfunction!(iceberg::publish_iceberg, module)?)?;
    module.add_function(wrap_pyfunction!(tables::publish_bigquery, module)?)?;
    module.add_function(wrap_pyfunction!(tables::paths, module)?)?;
    module.add_function(wrap_pyfunction!(tables::views, module)?)?;
    module.add_function(wrap_pyfunction!(export::export_hive, module)?)?;
    module.add_function(wrap_pyfunction!(runs::check, module)?)?;
    module.add_function(wrap_pyfunction!(runs::make_candles, module)?)?;
    module.add_function(wrap_pyfunction!(runs::write_instruments, module)?)?;
    module.add_function(wrap_pyfunction!(runs::convert, module)?)?;
    module.add_function(wrap_pyfunction!(runs::findings, module)?)?;
    module.add_function(wrap_pyfunction!(find::ls, module)?)?;
    module.add_function(wrap_pyfunction!(find::schema, module)?)?;
    module.add_function(wrap_pyfunction!(find::iceberg_tables, module)?)?;
    module.add_function(wrap_pyfunction!(find::certificates, module)?)?;
    module.add_function(wrap_pyfunction!(find::venues, module)?)?;
    module.add_function(wrap_pyfunction!(find::runs, module)?)?;
    module.add_function(wrap_pyfunction!(lake::venue, module)?)?;
    validation::register(module)
}

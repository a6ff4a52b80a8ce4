//! Requests for rows, the objects that answer them, and the rows that were read.

use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use futures::{StreamExt, TryStreamExt};
use mtdh_core::check::grade::Grade;
use mtdh_engine::query::{self, ChosenObject, Form, ReadRequest, RowStream};
use mtdh_engine::{Context, EngineError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::raised;
use crate::lake::Shared;
use crate::numpy;
use crate::runtime::{runtime, wait_briefly};

/// A request for rows. Nothing is read until it is asked to choose, each time anew.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Rows {
    pub lake: Arc<Shared>,
    pub request: ReadRequest,
}

#[pymethods]
impl Rows {
    /// Finds the objects of the request, and what the lake lacks of it.
    fn choose(&self, py: Python<'_>) -> PyResult<Chosen> {
        let context = self.lake.context()?;
        let chosen = wait_briefly(py, context.choose(&self.request))?;
        let query::Chosen { objects, missing } = chosen.map_err(|error| raised(py, error))?;
        Ok(Chosen { context, request: self.request.clone(), objects, missing })
    }

    /// The same request with what each amount is worth behind the other columns.
    fn with_worth(&self, py: Python<'_>) -> PyResult<Rows> {
        let request = ReadRequest { has_worth: true, ..self.request.clone() };
        request.schema().map_err(|error| raised(py, error))?;
        Ok(Rows { lake: self.lake.clone(), request })
    }

    /// Whether what each amount is worth comes behind the other columns.
    #[getter]
    fn has_worth(&self) -> bool {
        self.request.has_worth
    }

    /// The instruments that were asked for: keys and patterns.
    #[getter]
    fn instruments(&self) -> Vec<String> {
        self.request.instruments.clone()
    }

    /// Maximum number of rows.
    #[getter]
    fn limit(&self) -> Option<u64> {
        self.request.limit
    }

    /// The columns of the answer, by the C data interface.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.request.schema().map_err(|error| raised(py, error))?)
    }

    /// The names of the columns of the answer.
    fn columns(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let schema = self.request.schema().map_err(|error| raised(py, error))?;
        Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
    }
}

/// The objects of a request.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Chosen {
    context: Arc<Context>,
    request: ReadRequest,
    objects: Vec<ChosenObject>,
    missing: Vec<query::Missing>,
}

#[pymethods]
impl Chosen {
    /// Of each object: the day, the key, the place, its bytes.
    fn objects(&self) -> Vec<(String, String, String, u64)> {
        let object = |object: &ChosenObject| {
            let place = self.context.location(object);
            (object.day.to_string(), object.key.to_string(), place, object.entry.bytes)
        };
        self.objects.iter().map(object).collect()
    }

    /// Of each part that the lake should have and has not: the day, and the key or pattern.
    fn missing(&self) -> Vec<(String, String)> {
        self.missing.iter().map(|missing| (missing.day.to_string(), missing.instrument.clone())).collect()
    }

    /// The number of rows, by footers where an object lies wholly in the range.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        let rows = wait_briefly(py, self.context.count(&self.request, &self.objects))?;
        let rows = rows.map_err(|error| raised(py, error))?;
        Ok(self.request.limit.map_or(rows, |limit| rows.min(limit)))
    }

    /// The grades of the objects by the last check, in their order; None: not checked since the object was written.
    fn grades(&self, py: Python<'_>) -> PyResult<Vec<Option<&'static str>>> {
        let chosen = query::Chosen { objects: self.objects.clone(), missing: Vec::new() };
        let grades = wait_briefly(py, self.context.grades(&self.request, &chosen))?;
        let grades = grades.map_err(|error| raised(py, error))?;
        Ok(grades.into_iter().map(|grade| grade.map(Grade::name)).collect())
    }

    /// Of each object whose amounts have no known worth, if that was asked for: the day, the key, and why.
    fn without_worth(&self) -> Vec<(String, String, &'static str)> {
        let reason = |object: &ChosenObject| match &object.valuation {
            Some(Err(reason)) => Some((object.day.to_string(), object.key.to_string(), *reason)),
            _ => None,
        };
        self.objects.iter().filter_map(reason).collect()
    }

    /// Reads and verifies every byte of the objects. Returns the paths of those that have no checksums.
    fn verify(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let verified = wait_briefly(py, self.context.verify(&self.objects))?;
        verified.map_err(|error| raised(py, error))
    }

    /// Reads all rows into memory, with every processor. With views, texts are handed over in the form that polars has.
    fn collect(&self, py: Python<'_>, has_views: bool) -> PyResult<Batches> {
        let rows = self.rows(Form { has_views, ..Form::whole() });
        let rows = rows.map_err(|error| raised(py, error))?;
        let read = wait_briefly(py, rows.try_collect::<Vec<RecordBatch>>())?;
        let batches = read.map_err(|error| raised(py, error))?;
        let schema = match batches.first() {
            Some(batch) => batch.schema(),
            None => self.request.schema().map_err(|error| raised(py, error))?,
        };
        Ok(Batches { schema, batches })
    }

    /// Starts to read; the batches come one after the other.
    fn stream(&self, py: Python<'_>) -> PyResult<Reading> {
        let rows = self.rows(Form::STREAM).map_err(|error| raised(py, error))?;
        Ok(Reading { rows: std::sync::Mutex::new(Some(rows)) })
    }

    /// The rows as a stream of the C stream interface. Each call reads anew.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface allows to answer with the own schema.
        drop(requested_schema);
        let schema = self.request.schema().map_err(|error| raised(py, error))?;
        let rows = self.rows(Form::STREAM).map_err(|error| raised(py, error))?;
        stream_capsule(py, Box::new(Ahead::start(schema, rows)?))
    }
}

impl Chosen {
    fn rows(&self, form: Form) -> Result<RowStream, EngineError> {
        self.context.rows(&self.request, self.objects.clone(), form)
    }
}

/// A reading in progress.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Reading {
    rows: std::sync::Mutex<Option<RowStream>>,
}

#[pymethods]
impl Reading {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batches>> {
        let taken = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut rows) = taken else { return Ok(None) };
        // An interrupted or failed reading ends: it is not put back.
        match wait_briefly(py, rows.next())? {
            None => Ok(None),
            Some(Err(error)) => Err(raised(py, error)),
            Some(Ok(batch)) => {
                *self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(rows);
                Ok(Some(Batches { schema: batch.schema(), batches: vec![batch] }))
            }
        }
    }
}

/// Rows in memory.
#[pyclass(frozen, module = "mtdh._mtdh")]
pub struct Batches {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

#[pymethods]
impl Batches {
    /// The number of rows.
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The names of the columns.
    fn columns(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The as-of join with other rows: beside each row the last one of the others that was there by then.
    fn asof(
        &self,
        py: Python<'_>,
        other: PyRef<'_, Batches>,
        clock: &str,
        prefix: &str,
        tolerance_us: Option<i64>,
    ) -> PyResult<Batches> {
        let (right_schema, right) = (other.schema.clone(), other.batches.clone());
        let joined = py.detach(|| {
            let left = concat_batches(&self.schema, &self.batches)?;
            let right = concat_batches(&right_schema, &right)?;
            query::asof(&left, &right, clock, prefix, tolerance_us)
        });
        let joined = joined.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Batches { schema: joined.schema(), batches: vec![joined] })
    }

    /// The first rows.
    fn head(&self, rows: usize) -> Batches {
        let mut left = rows;
        let mut batches = Vec::new();
        for batch in &self.batches {
            let taken = batch.num_rows().min(left);
            left -= taken;
            batches.push(batch.slice(0, taken));
        }
        Batches { schema: self.schema.clone(), batches }
    }

    /// A column for NumPy. Nulls are NaN or NaT; a nullable integer is a float.
    fn numpy(&self, py: Python<'_>, name: &str) -> PyResult<numpy::Column> {
        numpy::column_of(py, self, name)
    }

    /// Columns of numbers side by side, a matrix of rows and columns; NaN for null.
    fn matrix(&self, py: Python<'_>, names: Vec<String>) -> PyResult<numpy::Buffer> {
        numpy::matrix_of(py, self, &names)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }

    /// The rows as a stream of the C stream interface, without a copy.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let batches = self.batches.clone().into_iter().map(Ok);
        stream_capsule(py, Box::new(RecordBatchIterator::new(batches, self.schema.clone())))
    }
}

/// A stream that the runtime reads ahead, for a consumer on any thread.
struct Ahead {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, ArrowError>>,
    /// Cancelled when the consumer drops the stream.
    _until: tokio_util::sync::DropGuard,
}

impl Ahead {
    fn start(schema: SchemaRef, mut rows: RowStream) -> PyResult<Ahead> {
        let (sender, batches) = mpsc::channel(1);
        let until = CancellationToken::new();
        let ended = until.clone();
        runtime()?.spawn(async move {
            loop {
                let next = tokio::select! {
                    next = rows.next() => next,
                    () = ended.cancelled() => return,
                };
                let Some(batch) = next else { return };
                let batch = batch
                    .map_err(|error| ArrowError::ExternalError(Box::new(Told(mtdh_engine::chain(&error)))));
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Ok(Ahead { schema, batches, _until: until.drop_guard() })
    }
}

/// An error in one line: the C interface carries a text.
#[derive(Debug)]
struct Told(String);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

impl Iterator for Ahead {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.blocking_recv()
    }
}

impl RecordBatchReader for Ahead {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// A stream in the capsule that consumers expect.
pub fn stream_capsule(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
}

/// A schema in the capsule that consumers expect.
pub fn schema_capsule<'py>(py: Python<'py>, schema: &SchemaRef) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema.as_ref());
    let schema = schema.map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

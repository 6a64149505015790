//! The image: asked, saved, sent.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::cluster::count;
use crate::columns;
use crate::errors::of_file;
use crate::explanation::{Explanation, Policy, as_data};
use crate::open_image::{Bytes, OpenImage};
use crate::question::Question;
use crate::reachability::{Reachability, difference};
use crate::table::Table;
use crate::verdict::Verdict;

/// A compiled cluster: one flat byte string that can be asked, saved, mapped into
/// memory and sent. Any number of threads may ask at once.
#[pyclass(module = "netpolicy", frozen)]
pub(crate) struct Image {
    open: Arc<OpenImage>,
}

impl Image {
    pub(crate) fn new(open: Arc<OpenImage>) -> Image {
        Image { open }
    }

    pub(crate) fn image(&self) -> &netpolicy::Image<'_> {
        self.open.image()
    }
}

#[pymethods]
impl Image {
    /// Opens an image that :meth:`save` or ``netpolicy compile`` wrote, and checks that
    /// it is what was compiled.
    ///
    /// With ``mmap=True`` the file is mapped, not read: processes that map one file share
    /// its memory. The file must not be changed then, only replaced by another.
    #[staticmethod]
    #[pyo3(signature = (path, *, mmap=false))]
    fn load(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Image> {
        let open = py.detach(|| {
            if mmap {
                OpenImage::map(&path)
            } else {
                OpenImage::read(&path)
            }
        })?;
        Ok(Image::new(Arc::new(open)))
    }

    /// Opens an image from its bytes, which are copied.
    ///
    /// >>> netpolicy.Image(bytes(image)) == image
    /// True
    #[new]
    fn from_bytes(py: Python<'_>, data: pyo3::buffer::PyBuffer<u8>) -> PyResult<Image> {
        let bytes = data.to_vec(py)?;
        let open = py.detach(|| OpenImage::open(Bytes::Owned(bytes)))?;
        Ok(Image::new(Arc::new(open)))
    }

    /// Writes the image to a file.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| fs::write(&path, self.open.as_bytes()).map_err(|error| of_file(&path, error)))
    }

    /// The size in bytes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.open.as_bytes().len()
    }

    /// May a connection from ``source`` to ``destination`` pass?
    ///
    /// An end is an address (text, or an object of ``ipaddress``), a pod or workload
    /// (``"namespace/name"``), or a pod that need not exist: a :class:`Pod`, or text such
    /// as ``"web:app=frontend,@http=8080/TCP"``. ``protocol`` is a name or a number;
    /// ``port`` the destination port, of protocols that have ports.
    ///
    /// >>> image.verdict("203.0.113.7", "default/mysql", port=3306)
    /// <Verdict deny 203.0.113.7 (external) -> default/mysql (10.244.1.11) TCP 3306: ...>
    /// >>> bool(image.verdict("default/wordpress", "10.244.1.11", port=3306, protocol="TCP"))
    /// True
    #[pyo3(signature = (source, destination, *, port=None, protocol=None))]
    fn verdict(
        &self,
        source: &Bound<'_, PyAny>,
        destination: &Bound<'_, PyAny>,
        port: Option<i64>,
        protocol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Verdict> {
        Verdict::new(
            &self.open,
            Question::new(source, destination, port, protocol)?,
        )
    }

    /// Why may a connection pass, or may not? Arguments as for :meth:`verdict`.
    ///
    /// >>> print(image.explain("default/batch", "default/mysql", port=3306).chain)
    /// deny default/batch (10.244.1.12) -> default/mysql (10.244.1.11) TCP 3306: ...
    ///   egress of default/batch (10.244.1.12)
    ///   ...
    #[pyo3(signature = (source, destination, *, port=None, protocol=None))]
    fn explain(
        &self,
        source: &Bound<'_, PyAny>,
        destination: &Bound<'_, PyAny>,
        port: Option<i64>,
        protocol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Explanation> {
        self.verdict(source, destination, port, protocol)?.reason()
    }

    /// Verdicts for a table of connections.
    ///
    /// ``table`` is anything that speaks the Arrow `PyCapsule` interface (pyarrow, polars,
    /// `DuckDB`, pandas), a dict of `NumPy` arrays or a structured one. ``source`` and
    /// ``destination`` name columns of addresses: text, 32-bit integers (IPv4), or 4 or
    /// 16 bytes. ``protocol`` names a column of names or numbers, or is a protocol for all
    /// rows; ``port`` names a column of integers, or is a port for all rows.
    ///
    /// A table gives a :class:`Verdicts`, a stream (a ``RecordBatchReader``, which may be
    /// larger than memory) gives a :class:`VerdictStream`. Both have a column ``allowed``,
    /// null in rows that ask nothing that can be answered (no address, protocol or port, or
    /// ends of two families); those are counted in ``bad_rows``. Then
    ///
    /// - ``reasons=True`` (or ``"denied"``, for the denied rows only) adds ``direction``,
    ///   ``tier``, ``reason``, ``policy`` and ``rule`` of the direction that decides;
    /// - ``workloads=True`` adds ``source_workload`` and ``destination_workload``:
    ///   ``namespace/name`` of what runs the pods, null for what is no pod;
    /// - ``keep=True`` (or a list of names) puts columns of the input in front.
    ///
    /// ``threads`` is how many to use: by default one a processor. The GIL is released.
    ///
    /// >>> flows = {"source": ["10.244.1.10", "10.244.1.12", "nobody"],
    /// ...          "destination": ["10.244.1.11"] * 3, "port": [3306] * 3}
    /// >>> verdicts = image.verdicts(flows, protocol="TCP")
    /// >>> verdicts
    /// <Verdicts 3 rows: 1 allowed, 1 denied, 1 bad>
    #[pyo3(signature = (
        table, *, source="source", destination="destination", protocol=None, port=None,
        reasons=None, workloads=false, keep=None, threads=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn verdicts<'py>(
        &self,
        py: Python<'py>,
        table: &Bound<'py, PyAny>,
        source: &str,
        destination: &str,
        protocol: Option<&Bound<'py, PyAny>>,
        port: Option<&Bound<'py, PyAny>>,
        reasons: Option<&Bound<'py, PyAny>>,
        workloads: bool,
        keep: Option<&Bound<'py, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let asked = columns::Asked {
            source,
            destination,
            protocol,
            port,
            reasons,
            workloads,
            keep,
            threads,
        };
        columns::verdicts(py, &self.open, table, &asked)
    }

    /// Everything that can reach anything, as a table that can be drawn.
    fn reachability<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Reachability>> {
        Reachability::new(py, self.image())
    }

    /// Every connection that passes in one of two images only, by workload: a table with
    /// the ports that ``after`` adds to what this image lets through, and those that it
    /// removes. No row is a proof that no verdict differs.
    ///
    /// >>> policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
    /// ...           "metadata": {"name": "office", "namespace": "default"},
    /// ...           "spec": {"podSelector": {"matchLabels": {"tier": "database"}},
    /// ...                    "ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
    /// ...                                 "ports": [{"port": 3306}]}]}}
    /// >>> after = netpolicy.Cluster.load("examples/wordpress", policy).compile()
    /// >>> for row in image.difference(after).to_pyarrow().to_pylist():
    /// ...     print(row["source"], "->", row["destination"], "adds", row["added"])
    /// 203.0.113.0/24 -> default/mysql adds TCP 3306
    fn difference(&self, py: Python<'_>, after: &Bound<'_, Image>) -> PyResult<Table> {
        difference(py, self.image(), after.get().image())
    }

    /// The pods, as a table of ``namespace``, ``name``, ``address`` (a row each; null for
    /// pods without), ``workload_kind`` and ``workload``.
    fn pods(&self) -> PyResult<Table> {
        columns::pods(self.image())
    }

    /// The policies, in the order of decision.
    #[getter]
    fn policies(&self) -> PyResult<Vec<Policy>> {
        self.image()
            .policies()
            .map(|policy| as_data(&policy))
            .collect()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.open.as_bytes())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (Bound<'py, PyBytes>,)) {
        (slf.get_type(), (slf.get().__bytes__(slf.py()),))
    }

    /// Images of the same bytes are the same.
    fn __eq__(&self, other: &Image) -> bool {
        self.open.as_bytes() == other.open.as_bytes()
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        static STATE: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
        STATE.hash_one(self.open.as_bytes())
    }

    fn __repr__(&self) -> String {
        let image = self.image();
        format!(
            "<Image {}, {}, {}>",
            count(image.pod_count(), "pod", "pods"),
            count(image.policy_count(), "policy", "policies"),
            count(self.nbytes(), "byte", "bytes")
        )
    }

    /// The bytes, read-only and without a copy: `memoryview(image)`.
    ///
    /// # Safety
    /// As `CPython` calls it: `view` points to a `Py_buffer` that may be written.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: std::ffi::c_int,
    ) -> PyResult<()> {
        let bytes = slf.get().open.as_bytes();
        // SAFETY: `view` may be written, says the caller. The bytes live, unmoved and
        // unchanged, as long as the image, to which `view` takes a reference of its own;
        // `readonly` is 1, and CPython refuses writers.
        let result = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                bytes.as_ptr().cast_mut().cast(),
                bytes.len() as isize,
                1,
                flags,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}

//! Adding to an h5ad file, and making a new one.

use super::super::hdf5::{self, Store};
use super::super::{CellMatrix, Column, Frame, RowBlocks};
use super::encode::{Additions, Data, Node, names, text};
use super::{frame, records, superblock};
use crate::error::{Error, Result};
use crate::output::write_path;
use basewise_core::Matrix;
use hdf5_pure::{Datatype, File, FileAccessProperties, FileBuilder, SyncPolicy};
use std::path::Path;

/// Bytes of a file that is not held in memory while it is added to.
const LARGE: u64 = 1 << 28;

/// Writes a copy of `source`, an h5ad file, with `additions`, to `path`, which may be the same file.
///
/// Nothing else changes: no other dataset is read or written. Only what anndata up to 0.6 wrote as tables of records is
/// written anew as groups, with the same columns, since a record has no room for another field.
///
/// # Errors
/// A file that is no h5ad file, or one in whose groups nothing can be added; columns of another length than its tables;
/// names with a slash; a full disk. An old file at `path` then stays.
pub fn add(source: &Path, path: &Path, additions: &Additions) -> Result<()> {
    let store = Store::open(source)?;
    let edits = Edits::of(&store, additions)?;
    drop(store);
    write_path(path, |aside| {
        std::fs::copy(source, aside).map_err(|cause| Error::io(path, "written", cause))?;
        make_writable(aside).map_err(|cause| Error::io(path, "written", cause))?;
        if std::fs::metadata(aside).is_ok_and(|about| about.len() >= LARGE) {
            superblock::renew(aside).map_err(|cause| Error::io(path, "written", cause))?;
        }
        let failed = |error: hdf5_pure::Error| hdf5::failed(source, &error);
        let file = File::open_rw(aside).map_err(failed)?;
        edits.stage(&file).map_err(failed)?;
        file.commit().map_err(failed)?;
        file.close().map_err(failed)
    })
}

/// A copy has the permissions of its source, which may be none to write.
fn make_writable(path: &Path) -> std::io::Result<()> {
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.readonly() {
        #[cfg(unix)]
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        #[cfg(not(unix))]
        permissions.set_readonly(false);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// Changes to a file: what is deleted, what is created, in which order, and the columns that tables then have.
#[derive(Default)]
struct Edits {
    delete: Vec<String>,
    create: Vec<(String, Node)>,
    orders: Vec<(&'static str, Vec<String>)>,
}

impl Edits {
    fn of(store: &Store, additions: &Additions) -> Result<Self> {
        let mut edits = Self::default();
        let mut sizes = [0, 0];
        for (at, (table, added)) in [("obs", &additions.obs), ("var", &additions.var)].into_iter().enumerate() {
            let own = if store.has_dataset(table) {
                edits.convert_table(store, table, added)?
            } else {
                edits.extend_table(store, table, added)?
            };
            sizes[at] = own.ids.len();
            if let Some((name, column)) = added.iter().find(|(_, column)| column.len() != own.ids.len()) {
                let message = format!("expected {} rows for {table}/{name}, found {}", own.ids.len(), column.len());
                return Err(Error::of(store.path(), message));
            }
        }
        for (folder, rows, added) in [("obsm", sizes[0], &additions.obsm), ("varm", sizes[1], &additions.varm)] {
            if let Some((name, matrix)) = added.iter().find(|(_, matrix)| matrix.rows() != rows) {
                let message = format!("expected {rows} rows for {folder}/{name}, found {}", matrix.rows());
                return Err(Error::of(store.path(), message));
            }
            let nodes = added.iter().map(|(name, matrix)| (name.clone(), Node::matrix(matrix))).collect();
            edits.put(store, folder, nodes)?;
        }
        let pairs = additions.obsp.iter().map(|(name, matrix)| (name.clone(), Node::csr(matrix))).collect();
        edits.put(store, "obsp", pairs)?;
        let rest = additions.uns.iter().map(|(name, value)| (name.clone(), Node::value(value))).collect();
        edits.put(store, "uns", rest)?;
        Ok(edits)
    }

    /// New columns of a table that is a group.
    fn extend_table(&mut self, store: &Store, table: &'static str, added: &[(String, Column)]) -> Result<Frame> {
        let own = frame::read(store, table, &mut Vec::new())?;
        if added.is_empty() {
            return Ok(own);
        }
        let index = frame::index_of(store, table)?;
        let mut order = frame::order_of(store, table, &index)?;
        for (name, column) in added {
            plain_name(store, name)?;
            if *name == index {
                let message = format!("expected another name than that of the names of {table}, found {name:?}");
                return Err(Error::of(store.path(), message));
            }
            let path = format!("{table}/{name}");
            if store.has(&path) {
                self.delete.push(path.clone());
            }
            let old = format!("{table}/__categories/{name}");
            if store.has(&old) {
                self.delete.push(old);
            }
            self.create.push((path, Node::column(column)));
            if !order.contains(name) {
                order.push(name.clone());
            }
        }
        self.orders.push((table, order));
        Ok(own)
    }

    /// A table of records becomes a group: fields keep their types, and categories of `uns` go to their columns.
    fn convert_table(&mut self, store: &Store, table: &'static str, added: &[(String, Column)]) -> Result<Frame> {
        let own = records::frame(store, table, &mut Vec::new())?;
        let (fields, rows) = records::fields(store, table)?;
        let mut columns = Vec::new();
        let mut index = "_index".to_owned();
        for (i, field) in fields.into_iter().enumerate() {
            if i == 0 {
                index = field.name;
                continue;
            }
            let replaced = added.iter().any(|(name, _)| *name == field.name);
            if records::categories(store, &field.name)?.is_some() {
                self.delete.push(format!("uns/{}_categories", field.name));
            }
            if replaced {
                continue;
            }
            let node = match (own.column(&field.name), &field.datatype) {
                (Some(column @ Column::Category { .. }), _) => Node::column(column),
                (Some(column), Datatype::String { .. }) => Node::column(column),
                _ => Node::array(Data::Raw(field.datatype, field.bytes), &[rows]),
            };
            columns.push((field.name, node));
        }
        for (name, column) in added {
            plain_name(store, name)?;
            columns.push((name.clone(), Node::column(column)));
        }
        let order: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        self.delete.push(table.to_owned());
        self.create.push((table.to_owned(), Node::table(&index, own.ids.clone(), &order, columns)));
        Ok(own)
    }

    /// Entries of a folder such as `obsm`, which is made where there is none.
    fn put(&mut self, store: &Store, folder: &str, mut entries: Vec<(String, Node)>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        for (name, _) in &entries {
            plain_name(store, name)?;
        }
        if store.group(folder).is_some() {
            for (name, node) in entries {
                let path = format!("{folder}/{name}");
                if store.has(&path) {
                    self.delete.push(path.clone());
                }
                self.create.push((path, node));
            }
            return Ok(());
        }
        if store.has_dataset(folder) {
            let (fields, rows) = records::fields(store, folder)?;
            for field in fields {
                if entries.iter().all(|(name, _)| *name != field.name) {
                    let (base, columns) = records::element(&field.datatype);
                    let node = Node::array(Data::Raw(base.clone(), field.bytes), &[rows, columns]);
                    entries.push((field.name, node));
                }
            }
            self.delete.push(folder.to_owned());
        }
        self.create.push((folder.to_owned(), Node::map(entries)));
        Ok(())
    }

    fn stage(&self, file: &File) -> std::result::Result<(), hdf5_pure::Error> {
        let root = file.root();
        self.delete.iter().try_for_each(|path| root.delete(path))?;
        self.create.iter().try_for_each(|(path, node)| node.stage_at(path, &root))?;
        for (table, order) in &self.orders {
            file.group(table)?.set_attr("column-order", names(order))?;
        }
        Ok(())
    }
}

fn plain_name(store: &Store, name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') || name == "." {
        return Err(Error::of(store.path(), format!("expected a name without a slash to write to, found {name:?}")));
    }
    Ok(())
}

/// Writes a matrix as a new h5ad file, with `additions`; its own columns and coordinates are written too. Large matrices are
/// appended block by block.
///
/// # Errors
/// Names with a slash, a full disk, a place that cannot be written to.
pub fn create(path: &Path, matrix: &CellMatrix, additions: &Additions) -> Result<()> {
    let table = |frame: &Frame, added: &[(String, Column)]| {
        let mut all = frame.clone();
        all.columns.retain(|(name, _)| added.iter().all(|(new, _)| new != name));
        all.columns.extend(added.iter().cloned());
        // A slash would be a group of its own.
        all.columns.iter_mut().for_each(|(name, _)| *name = name.replace('/', "_"));
        Node::frame(&all)
    };
    let arrays = |own: &[(String, Matrix)], added: &[(String, Matrix)]| {
        let kept = own.iter().filter(|(name, _)| added.iter().all(|(new, _)| new != name));
        Node::map(kept.chain(added).map(|(name, matrix)| (name.replace('/', "_"), Node::matrix(matrix))).collect())
    };
    let small = matrix.counts.is_small();
    let counts = if small {
        Node::csr(&matrix.counts.read()?)
    } else {
        Node::growing_csr(matrix.counts.rows, matrix.counts.columns)
    };
    let parts = [
        ("X", counts),
        ("layers", Node::map(Vec::new())),
        ("obs", table(&matrix.cells, &additions.obs)),
        ("obsm", arrays(&matrix.obsm, &additions.obsm)),
        ("obsp", Node::map(additions.obsp.iter().map(|(name, pairs)| (name.clone(), Node::csr(pairs))).collect())),
        ("uns", Node::map(additions.uns.iter().map(|(name, value)| (name.clone(), Node::value(value))).collect())),
        ("var", table(&matrix.genes, &additions.var)),
        ("varm", arrays(&[], &additions.varm)),
        ("varp", Node::map(Vec::new())),
    ];
    write_path(path, |aside| {
        let mut file = FileBuilder::new();
        file.set_attr("encoding-type", text("anndata"));
        file.set_attr("encoding-version", text("0.1.0"));
        for (name, node) in &parts {
            node.build_top(name, &mut file).map_err(|error| hdf5::failed(path, &error.into()))?;
        }
        file.write(aside).map_err(|error| unwritten(path, error))?;
        if small { Ok(()) } else { append(&matrix.counts, path, aside) }
    })
}

fn unwritten(path: &Path, error: hdf5_pure::Error) -> Error {
    match error {
        hdf5_pure::Error::Io(cause) => Error::io(path, "written", cause),
        other => hdf5::failed(path, &other),
    }
}

/// Appends the numbers of a matrix to `X` of a file that has been begun `aside` of its place `path`.
fn append(matrix: &RowBlocks, path: &Path, aside: &Path) -> Result<()> {
    let failed = |error: hdf5_pure::Error| unwritten(path, error);
    let options = FileAccessProperties::new().with_sync_policy(SyncPolicy::OnClose);
    let file = File::open_rw_with_options(aside, options).map_err(failed)?;
    let mut starts = vec![0];
    {
        let (mut data, mut indices) =
            (file.dataset("X/data").map_err(failed)?, file.dataset("X/indices").map_err(failed)?);
        let mut data = data.buffered_appender().map_err(failed)?;
        let mut indices = indices.buffered_appender().map_err(failed)?;
        matrix.each(|_, block| {
            let columns: Vec<i32> = block.indices.iter().map(|&index| index as i32).collect();
            data.append(&block.values).and_then(|()| indices.append(&columns)).map_err(failed)?;
            let stored = starts[starts.len() - 1];
            starts.extend(block.starts[1..].iter().map(|start| start + stored));
            Ok::<(), Error>(())
        })?;
        data.finish().and_then(|()| indices.finish()).map_err(failed)?;
    }
    Node::starts(&starts).stage_at("X/indptr", &file.root()).map_err(failed)?;
    file.commit().map_err(failed)?;
    file.close().map_err(failed)
}

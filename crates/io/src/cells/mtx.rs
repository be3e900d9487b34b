//! Matrix Market files with names beside them: `matrix.mtx`, `barcodes.tsv`, `features.tsv` or `genes.tsv`, each also
//! with `.gz`.

use super::{CellMatrix, Column, Frame, Raw, ReadOptions, rows};
use crate::error::{Error, Result, excerpt};
use crate::input::Lines;
use basewise_core::sparse::Csr;
use std::path::{Path, PathBuf};

/// The type of feature that is read unless another is asked for.
const GENES: &str = "Gene Expression";

/// Whether a name is that of a Matrix Market file.
pub(super) fn is_mtx(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    name.ends_with(".mtx") || name.ends_with(".mtx.gz")
}

/// Reads a folder, or a matrix whose names lie beside it under its own prefix (`GSM1_matrix.mtx.gz`, `GSM1_barcodes.tsv.gz`).
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<CellMatrix> {
    let files = Files::of(path)?;
    let barcodes = lines_of(&files.barcodes)?;
    let features = lines_of(&files.features)?;
    let cells = Frame::named(barcodes.into_iter().map(|mut fields| fields.swap_remove(0)).collect());
    let (matrix, transposed) = matrix(&files.matrix, features.len(), cells.ids.len())?;
    let mut notes = Vec::new();
    if transposed {
        notes.push("the matrix is cells by genes, not genes by cells as 10x writes it".to_owned());
    }
    let mut raw =
        Raw { counts: matrix.into(), cells, genes: genes(&features), obsm: Vec::new(), part: String::new(), notes };
    choose_features(path, &mut raw, options)?;
    raw.finish(path)
}

/// Genes by their lines: identifier, symbol, type. Names are symbols where there are any, as in scanpy.
fn genes(features: &[Vec<String>]) -> Frame {
    let field = |i: usize| features.iter().map(|fields| fields.get(i).cloned()).collect::<Option<Vec<String>>>();
    let ids = field(0).unwrap_or_default();
    let (symbols, types) = (field(1), field(2));
    let mut columns = Vec::new();
    let text = |values: Vec<String>| Column::Text(values.into_iter().map(Some).collect());
    let names = match symbols {
        Some(symbols) => {
            columns.push(("gene_ids".to_owned(), text(ids)));
            symbols
        }
        None => ids,
    };
    if let Some(types) = types {
        columns.push(("feature_types".to_owned(), text(types)));
    }
    Frame { ids: names, columns }
}

/// Keeps the features of one type.
pub(super) fn choose_features(path: &Path, raw: &mut Raw, options: &ReadOptions) -> Result<()> {
    let rows = raw.genes.ids.len();
    let Some(types) = raw.genes.column("feature_types") else {
        return match &options.feature_type {
            Some(wanted) => {
                Err(Error::of(path, format!("expected features of type {wanted:?}, found none with a type")))
            }
            None => Ok(()),
        };
    };
    let types: Vec<String> = (0..rows).map(|row| types.text(row).unwrap_or_default()).collect();
    let mut present: Vec<&str> = types.iter().map(String::as_str).collect();
    present.sort_unstable();
    present.dedup();
    let wanted = match &options.feature_type {
        Some(wanted) => wanted.as_str(),
        None if present.len() < 2 => return Ok(()),
        None => GENES,
    };
    let of_type: Vec<bool> = types.iter().map(|kind| kind == wanted).collect();
    let kept: Vec<usize> = (0..rows).filter(|&row| of_type[row]).collect();
    if kept.is_empty() {
        let message = format!("expected features of type {wanted:?}, found {}", present.join(", "));
        return Err(Error::of(path, message).with_hint("--feature-type says which type is read"));
    }
    if kept.len() < rows {
        let others: Vec<&str> = present.iter().copied().filter(|&kind| kind != wanted).collect();
        raw.notes.push(format!("{} features of other types are left out: {}", rows - kept.len(), others.join(", ")));
        raw.genes = raw.genes.select(&kept);
        raw.counts = raw.counts.select_columns(&of_type).settled()?;
    }
    Ok(())
}

struct Files {
    matrix: PathBuf,
    barcodes: PathBuf,
    features: PathBuf,
}

impl Files {
    fn of(path: &Path) -> Result<Self> {
        let (folder, prefix, matrix) = if path.is_dir() {
            let matrix = first(path, "", &["matrix.mtx.gz", "matrix.mtx"])?;
            (path.to_path_buf(), String::new(), matrix)
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let prefix = name.find("matrix.mtx").map_or("", |at| &name[..at]).to_owned();
            (path.parent().map(Path::to_path_buf).unwrap_or_default(), prefix, path.to_path_buf())
        };
        let barcodes = first(&folder, &prefix, &["barcodes.tsv.gz", "barcodes.tsv"])?;
        let names = ["features.tsv.gz", "features.tsv", "genes.tsv.gz", "genes.tsv"];
        Ok(Self { matrix, barcodes, features: first(&folder, &prefix, &names)? })
    }
}

/// The first of some files that is there.
fn first(folder: &Path, prefix: &str, names: &[&str]) -> Result<PathBuf> {
    let paths = names.iter().map(|name| folder.join(format!("{prefix}{name}")));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Error::of(folder, format!("expected one of {}, found none", names.join(", "))).with_hint(
            "a 10x folder holds matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), each also with .gz",
        )
    })
}

/// The fields of each line, without blank lines at the end.
fn lines_of(path: &Path) -> Result<Vec<Vec<String>>> {
    let mut lines = Lines::open(path)?;
    let mut all = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        if line.trim_ascii().is_empty() {
            let next = lines.next_line()?;
            return match next {
                None => Ok(all),
                Some(_) => Err(Error::at_line(path, number, "expected a name, found a blank line")),
            };
        }
        all.push(String::from_utf8_lossy(line).split('\t').map(|field| field.trim_matches('"').to_owned()).collect());
    }
    Ok(all)
}

/// The matrix as cells by genes, and whether the file has it that way round.
fn matrix(path: &Path, genes: usize, cells: usize) -> Result<(Csr, bool)> {
    let mut lines = Lines::open(path)?;
    let pattern = header(path, &mut lines)?;
    let (line, size) = loop {
        match lines.next_line()? {
            Some((_, text)) if text.starts_with(b"%") || text.trim_ascii().is_empty() => {}
            Some((number, text)) => break (number, numbers::<3>(text)),
            None => return Err(Error::of(path, "expected a line with rows, columns and entries, found the end")),
        }
    };
    let Some([rows, columns, entries]) = size else {
        return Err(Error::at_line(path, line, "expected numbers of rows, columns and entries, found something else"));
    };
    let size = (rows as usize, columns as usize);
    let by_cell = if size == (genes, cells) {
        false
    } else if size == (cells, genes) {
        true
    } else {
        let message = format!("expected {genes} genes x {cells} cells, as they are named, found {rows} x {columns}");
        return Err(Error::at_line(path, line, message).with_hint("do the three files belong together?"));
    };
    let Entries { rows, columns, values } = read_entries(path, &mut lines, size, entries, pattern)?;
    let (by, indices) = if by_cell { (rows, columns) } else { (columns, rows) };
    let mut starts = vec![0usize; cells + 1];
    by.iter().for_each(|&cell| starts[cell as usize + 1] += 1);
    for i in 0..cells {
        starts[i + 1] += starts[i];
    }
    // Cell Ranger writes cell after cell.
    let matrix = if by.is_sorted() {
        Csr { rows: cells, columns: genes, starts, indices, values }
    } else {
        by_row(&by, &indices, &values, starts, genes)
    };
    Ok((rows::checked(path, "entries", matrix)?, by_cell))
}

/// Entries in any order put into their rows, which begin at `starts`.
fn by_row(rows: &[u32], columns: &[u32], numbers: &[f32], starts: Vec<usize>, width: usize) -> Csr {
    let mut next = starts.clone();
    let (mut indices, mut values) = (vec![0; numbers.len()], vec![0.0; numbers.len()]);
    for ((&row, &column), &value) in rows.iter().zip(columns).zip(numbers) {
        let at = &mut next[row as usize];
        (indices[*at], values[*at]) = (column, value);
        *at += 1;
    }
    Csr { rows: starts.len() - 1, columns: width, starts, indices, values }
}

/// Row, column (from 0) and value of each entry.
struct Entries {
    rows: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// Reads the first line; whether entries have no value of their own.
fn header(path: &Path, lines: &mut Lines) -> Result<bool> {
    let first = match lines.next_line()? {
        Some((_, text)) => String::from_utf8_lossy(text).to_ascii_lowercase(),
        None => String::new(),
    };
    let words: Vec<&str> = first.split_whitespace().collect();
    match words.as_slice() {
        ["%%matrixmarket", "matrix", "coordinate", "integer" | "real" | "double", "general"] => Ok(false),
        ["%%matrixmarket", "matrix", "coordinate", "pattern", "general"] => Ok(true),
        ["%%matrixmarket", ..] => Err(Error::at_line(
            path,
            1,
            format!("expected a general matrix of coordinates, found {}", excerpt(first.as_bytes())),
        )),
        _ => Err(Error::at_line(
            path,
            1,
            format!("expected %%MatrixMarket matrix coordinate ..., found {}", excerpt(first.as_bytes())),
        )),
    }
}

fn read_entries(path: &Path, lines: &mut Lines, size: (usize, usize), expected: u64, pattern: bool) -> Result<Entries> {
    let room = (expected as usize).min(1 << 24);
    let (mut rows, mut columns) = (Vec::with_capacity(room), Vec::with_capacity(room));
    let mut values = Vec::with_capacity(room);
    while let Some((number, text)) = lines.next_line()? {
        let mut fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let Some(first) = fields.next() else { continue };
        let second = fields.next().unwrap_or_default();
        let value = if pattern { Some(1.0) } else { fields.next().and_then(number_of) };
        let (Some(row), Some(column), Some(value)) = (place(first, size.0), place(second, size.1), value) else {
            let message = format!(
                "expected a row of 1 to {}, a column of 1 to {} and a value, found {}",
                size.0,
                size.1,
                excerpt(text)
            );
            return Err(Error::at_line(path, number, message));
        };
        rows.push(row);
        columns.push(column);
        values.push(value);
    }
    if values.len() as u64 != expected {
        let hint = if (values.len() as u64) < expected {
            "the file is incomplete: copy or download it again"
        } else {
            "the line of sizes says too few: was the file put together from several?"
        };
        return Err(Error::of(path, format!("expected {expected} entries, found {}", values.len())).with_hint(hint));
    }
    Ok(Entries { rows, columns, values })
}

/// A place from 1 to `most`, as from 0.
fn place(field: &[u8], most: usize) -> Option<u32> {
    let place: u64 = whole(field)?;
    (place >= 1 && place <= most as u64).then(|| (place - 1) as u32)
}

fn whole(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 18 {
        return None;
    }
    field.iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

fn number_of(field: &[u8]) -> Option<f32> {
    match whole(field) {
        Some(whole) => Some(whole as f32),
        None => std::str::from_utf8(field).ok()?.parse().ok(),
    }
}

fn numbers<const N: usize>(text: &[u8]) -> Option<[u64; N]> {
    let fields: Vec<u64> =
        text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).map(whole).collect::<Option<_>>()?;
    fields.try_into().ok()
}

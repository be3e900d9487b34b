//! What is read block by block is what is read at once.

#![allow(clippy::disallowed_methods, reason = "a test that cannot read its own files should fail on the spot")]

use super::super::h5ad::{self, Additions};
use super::super::{CellMatrix, Frame, ReadOptions, read};
use super::*;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cells").join(name)
}

fn within(memory: u64) -> ReadOptions {
    ReadOptions { memory: Some(memory), ..ReadOptions::default() }
}

/// The blocks that come, each with its first row.
fn blocks(matrix: &RowBlocks) -> Vec<(usize, Csr)> {
    let mut all = Vec::new();
    let each = |first: usize, block: &Csr| -> Result<()> {
        all.push((first, block.clone()));
        Ok(())
    };
    matrix.each(each).unwrap();
    all
}

/// 40 rows of which some are empty, with zeros that are stored; the last row is the longest.
fn example() -> CellMatrix {
    let mut counts = Csr::without_rows(50);
    for i in 0..40u32 {
        let many = if i == 39 { 50 } else { (i * 7) % 11 };
        for j in 0..many {
            counts.indices.push(j);
            counts.values.push(if (i + j) % 9 == 0 { 0.0 } else { (i + j) as f32 });
        }
        counts.starts.push(counts.values.len());
    }
    counts.rows = 40;
    CellMatrix {
        counts: counts.into(),
        cells: Frame::named((0..40).map(|i| format!("c{i}")).collect()),
        genes: Frame::named((0..50).map(|j| format!("g{j}")).collect()),
        obsm: Vec::new(),
        values: Values::Counts,
        part: "X".into(),
        notes: Vec::new(),
    }
}

fn written(matrix: &CellMatrix) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.h5ad");
    h5ad::create(&path, matrix, &Additions::default()).unwrap();
    (folder, path)
}

#[test]
fn files_give_the_same_rows_in_blocks_and_at_once() {
    for name in ["csr.h5ad", "dense.h5ad", "nullable.h5ad", "tenx2.h5", "tenx3.h5", "csc.h5ad", "records.h5ad"] {
        let whole = read(&golden(name), &ReadOptions::default()).unwrap();
        let parts = read(&golden(name), &within(0)).unwrap();
        assert!(whole.counts.is_held());
        assert_eq!(parts.counts.is_held(), name == "csc.h5ad", "{name}");
        assert_eq!(parts.counts.read().unwrap(), whole.counts.read().unwrap(), "{name}");
        // As texts, in which NaN is like NaN.
        let rest = |matrix: &CellMatrix| format!("{:?} {:?} {:?}", matrix.cells, matrix.genes, matrix.notes);
        assert_eq!(rest(&parts), rest(&whole));
        assert_eq!((parts.values, &parts.part), (whole.values, &whole.part), "{name}");
    }
}

#[test]
fn blocks_of_every_size_make_up_the_matrix() {
    let (_folder, path) = written(&example());
    let whole = read(&path, &ReadOptions::default()).unwrap().counts.read().unwrap();
    assert!(whole.values.iter().all(|&value| value != 0.0));
    // 0 bytes give blocks of 1 value, 640 of 10, 1,600 of 25.
    for memory in [0, 640, 1600] {
        let matrix = read(&path, &within(memory)).unwrap().counts;
        let blocks = blocks(&matrix);
        let mut all = Csr::without_rows(50);
        for (first, block) in &blocks {
            assert_eq!(*first, all.rows);
            assert!(block.rows == 1 || block.values.len() as u64 <= memory / 64);
            all.append(block);
        }
        assert_eq!(all, whole, "{memory}");
        assert_eq!(blocks[blocks.len() - 1].1.rows, 1, "the long row at the end is a block of its own");
    }
}

#[test]
fn borders_of_blocks_by_hand() {
    let ranges = |starts: &[usize], block| by_stored(starts, block);
    assert_eq!(ranges(&[0, 0, 0, 5, 6, 8], 3), [0..2, 2..3, 3..5]);
    assert_eq!(ranges(&[0, 2, 4, 5], 4), [0..2, 2..3], "just full");
    assert_eq!(ranges(&[0, 2, 5], 4), [0..1, 1..2], "the border is before the last row");
    assert_eq!(ranges(&[0, 1, 2, 2], 1), [0..1, 1..3], "an empty row at the end");
    assert!(ranges(&[0], 1).is_empty());
}

#[test]
fn chosen_rows_and_columns_come_alone() {
    let (_folder, path) = written(&example());
    let whole = read(&path, &ReadOptions::default()).unwrap().counts;
    let rows: Vec<usize> = (0..40).filter(|row| row % 3 == 0 && !(10..30).contains(row)).collect();
    let keep: Vec<bool> = (0..50).map(|column| column % 2 == 1).collect();
    let again: Vec<bool> = (0..25).map(|column| column % 5 != 0).collect();
    let last = [1, 2, rows.len() - 1];
    let expected =
        whole.read().unwrap().select_rows(&rows).select_columns(&keep).select_columns(&again).select_rows(&last);
    for memory in [0, 640, 1 << 20] {
        let matrix = read(&path, &within(memory)).unwrap().counts;
        let chosen = matrix.select_columns(&keep).select_rows(&rows).select_rows(&last).select_columns(&again);
        assert_eq!((chosen.rows, chosen.columns), (3, 20));
        assert_eq!(chosen.read().unwrap(), expected, "{memory}");
        assert!(blocks(&chosen).iter().map(|(first, _)| *first).is_sorted());
        assert!(blocks(&matrix.select_rows(&[])).is_empty());
    }
}

#[test]
fn large_matrices_are_written_block_by_block() {
    let (folder, path) = written(&example());
    let matrix = read(&path, &within(640)).unwrap();
    let again = folder.path().join("again.h5ad");
    h5ad::create(&again, &matrix, &Additions::default()).unwrap();
    let (a, b) = (read(&path, &within(1 << 20)).unwrap(), read(&again, &within(1 << 20)).unwrap());
    assert_eq!(a.counts.read().unwrap(), b.counts.read().unwrap());
    assert_eq!((a.cells, a.genes), (b.cells, b.genes));
    h5ad::add(&again, &again, &Additions::default()).unwrap();
    // A matrix without a value has no chunk.
    let empty = CellMatrix { counts: matrix.counts.select_columns(&[false; 50]), genes: Frame::default(), ..matrix };
    h5ad::create(&again, &empty, &Additions::default()).unwrap();
    assert!(read(&again, &within(0)).unwrap_err().to_string().contains("found 40 cells and 0 genes"));
}

#[test]
fn numbers_that_are_none_are_named_where_they_stand() {
    let mut matrix = example();
    let mut counts = matrix.counts.read().unwrap();
    let at = counts.starts[36] + 2;
    counts.values[at] = f32::NAN;
    matrix.counts = counts.into();
    let (_folder, path) = written(&matrix);
    for memory in [0, 1600, 1 << 20] {
        let text = read(&path, &within(memory)).unwrap_err().to_string();
        assert!(text.contains("cell \"c36\"") && text.contains("for gene \"g2\", found NaN"), "{text}");
    }
}

#[test]
fn a_file_that_is_cut_short_between_passes_is_an_error() {
    let mut long = example();
    // More than the reader keeps of what it has unpacked.
    let mut counts = Csr::without_rows(50);
    for i in 0..12_000usize {
        counts.indices.extend(0..50);
        counts.values.extend((0..50).map(|j| ((i * 50 + j) * 7919 % 65_521) as f32 + 1.0));
        counts.starts.push(counts.values.len());
    }
    counts.rows = 12_000;
    long.cells = Frame::named((0..12_000).map(|i| format!("c{i}")).collect());
    long.counts = counts.into();
    let (_folder, path) = written(&long);
    let matrix = read(&path, &within(64 * 50_000)).unwrap();
    assert_eq!(matrix.counts.kind().unwrap(), Values::Counts);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(std::fs::metadata(&path).unwrap().len() / 4).unwrap();
    let text = matrix.counts.kind().unwrap_err().to_string();
    assert!(text.contains("made.h5ad") && text.contains("expected a whole HDF5 file"), "{text}");
}

#[test]
fn columns_out_of_order_and_twice_are_told_by_the_row_of_the_file() {
    let wrong = |columns: [u32; 2]| {
        let mut matrix = example();
        let mut counts = matrix.counts.read().unwrap();
        let at = counts.starts[39] + 4;
        counts.indices[at..at + 2].copy_from_slice(&columns);
        matrix.counts = counts.into();
        written(&matrix)
    };
    let (_folder, path) = wrong([5, 4]);
    let values = |path: &Path, memory| read(path, &within(memory)).map(|matrix| matrix.counts.read().unwrap());
    assert_eq!(values(&path, 0).unwrap(), values(&path, 1 << 20).unwrap());
    let (_folder, path) = wrong([4, 4]);
    for memory in [0, 1 << 20] {
        let text = values(&path, memory).unwrap_err().to_string();
        assert!(text.contains("expected one value a place, found two in row 39, column 4"), "{text}");
    }
}

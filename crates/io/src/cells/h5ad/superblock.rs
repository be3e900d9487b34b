//! The first bytes of an HDF5 file. Files with those of version 0, as h5py writes them by default, are edited in memory as a
//! whole; those of version 2 where they lie. What the bytes say is the same, and so is everything else in the file.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of the first version up to the place of the root group.
const OLD: usize = 72;
/// What they are where lengths are 8 bytes, nodes of groups have their usual size and the file is closed: signature, versions,
/// sizes, flags, and that it begins at byte 0.
const USUAL: [u8; 32] = [
    0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0,
];
const NOWHERE: [u8; 8] = [0xff; 8];

/// Writes the superblock of a file anew as one of version 2, if it is of version 0 with the usual settings.
pub(super) fn renew(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut old = [0; OLD];
    if length < OLD as u64 {
        return Ok(());
    }
    file.read_exact(&mut old)?;
    let Some(new) = renewed(&old, length) else { return Ok(()) };
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&new)
}

fn renewed(old: &[u8; OLD], length: u64) -> Option<Vec<u8>> {
    // Base, free space, end of file, driver, then the root group: its name and its place.
    let (end, driver, root) = (&old[40..48], &old[48..56], &old[64..72]);
    if old[..32] != USUAL || driver != NOWHERE || end != length.to_le_bytes() {
        return None;
    }
    let mut new = USUAL[..8].to_vec();
    new.extend([2, 8, 8, 0]);
    new.extend([0; 8]);
    new.extend(NOWHERE);
    new.extend(end);
    new.extend(root);
    new.extend(checksum(&new).to_le_bytes());
    Some(new)
}

/// The checksum of HDF5's metadata: Bob Jenkins' lookup3 (2006) of bytes in little-endian words, from 0.
fn checksum(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (part, next) = rest.split_at(rest.len().min(12));
        let mut padded = [0; 12];
        padded[..part.len()].copy_from_slice(part);
        let word = |i: usize| u32::from_le_bytes([padded[i], padded[i + 1], padded[i + 2], padded[i + 3]]);
        (a, b, c) = (a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8)));
        rest = next;
        if !rest.is_empty() {
            for rotation in [4, 6, 8, 16, 19, 4] {
                a = a.wrapping_sub(c) ^ c.rotate_left(rotation);
                c = c.wrapping_add(b);
                (a, b, c) = (b, c, a);
            }
        }
    }
    for rotation in [14, 11, 25, 16, 4, 14, 24] {
        c = (c ^ b).wrapping_sub(b.rotate_left(rotation));
        (a, b, c) = (b, c, a);
    }
    // After seven turns the last one that was written stands in the second place.
    b
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test that cannot read its own files should fail on the spot")]
mod tests {
    use super::super::{Additions, Value, add};
    use super::*;
    use crate::cells::{ReadOptions, read};
    use hdf5_pure::EditBacking;
    use std::path::PathBuf;

    #[test]
    fn a_renewed_file_says_the_same_and_is_edited_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cells");
        for name in ["csr.h5ad", "dense.h5ad", "records.h5ad"] {
            let path = folder.path().join(name);
            std::fs::write(&path, std::fs::read(golden.join(name)).unwrap()).unwrap();
            let backing = || hdf5_pure::File::open_rw(&path).unwrap().edit_backing();
            assert_eq!(backing(), Some(EditBacking::Mirrored), "{name}: h5py writes version 0");
            renew(&path).unwrap();
            // The reader checks the checksum.
            assert_eq!(backing(), Some(EditBacking::Bounded), "{name}");
            let bytes = std::fs::read(&path).unwrap();
            renew(&path).unwrap();
            assert_eq!(bytes, std::fs::read(&path).unwrap(), "what is new is left alone");
            let added = vec![("made".to_owned(), Value::Whole(7))];
            add(&path, &path, &Additions { uns: added, ..Additions::default() }).unwrap();
            let load = |path: &Path| read(path, &ReadOptions::default()).unwrap();
            let (before, after) = (load(&golden.join(name)), load(&path));
            assert_eq!(before.counts.read().unwrap(), after.counts.read().unwrap());
            assert_eq!(format!("{:?}", before.cells), format!("{:?}", after.cells));
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        std::fs::write(&path, b"\x89HDF").unwrap();
        renew(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"\x89HDF");
        let mut old = [0; OLD];
        old[..32].copy_from_slice(&USUAL);
        old[48..56].copy_from_slice(&NOWHERE);
        assert!(renewed(&old, 0).is_some());
        assert!(renewed(&old, 1).is_none(), "it does not end where it says");
        old[16] = 8;
        assert!(renewed(&old, 0).is_none(), "nodes of another size");
    }
}

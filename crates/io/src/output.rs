//! Writing files and directories that appear whole or not at all.
//!
//! Everything is written under a temporary name beside its place, synced to the disk and renamed, so that a reader,
//! or the next run after a crash, sees the old content or the new, never half of it.

use crate::error::{Error, Result};
use crate::input::is_dash;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Files that tell the kind of a directory written by basewise; [`write_dir`] replaces only what has one of them.
pub const MARKERS: [&str; 10] = [
    "dataset.json",
    "run.json",
    "explain.json",
    "motifs.json",
    "comparison.json",
    "variants.json",
    "report.json",
    "cells.json",
    "autoencode.json",
    "encode.json",
];

/// What directories of a kind may hold, where that varies: none of it is the user's own.
const FILES: [(&str, &[&str]); 3] = [
    ("dataset.json", &["dataset.json", "examples.parquet", "truth.tsv", "removed.tsv"]),
    ("autoencode.json", &["denoised.h5ad", "samples.h5ad"]),
    ("encode.json", &["denoised.h5ad"]),
];

/// Writes a file through `fill`, whole or not at all; `-` is the standard output, missing parents are created.
///
/// Devices and pipes (`/dev/null`, a named pipe) are written to directly. A link keeps being a link: what it points to
/// is replaced.
///
/// # Errors
/// A directory that cannot be written to, a full disk, or what `fill` reports. Nothing is left behind then, and an old
/// file of that name stays as it was.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    write_with(path, |sink| fill(sink).map_err(|cause| Error::io(path, "written", cause)))
}

/// [`write_file`] for writers that must be [`Send`] and have errors of their own.
pub(crate) fn write_with(path: &Path, fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<()>) -> Result<()> {
    let mut file = NewFile::create(path)?;
    fill(&mut file)?;
    file.finish()
}

/// [`write_file`] for writers that want a path of their own: `fill` makes the file it is given, which is then moved to
/// its place.
pub(crate) fn write_path(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if is_dash(path) {
        return Err(Error::new("expected a file to write to, found -"));
    }
    let failed = |cause| Error::io(path, "written", cause);
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&place).is_ok_and(|about| about.is_dir()) {
        return Err(Error::of(path, "expected a file name, found a directory"));
    }
    create_parent(&place)?;
    let aside = Aside::new(&place)?;
    fill(&aside.path).map_err(|error| error.moved(&aside.path, path))?;
    let file = OpenOptions::new().write(true).open(&aside.path).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    if let Ok(old) = fs::metadata(&place) {
        let _ = fs::set_permissions(&aside.path, old.permissions());
    }
    fs::rename(&aside.path, &place).map_err(failed)?;
    sync_directory(place.parent());
    Ok(())
}

/// A file that is written piece by piece and appears when it is [finished](NewFile::finish), whole; dropped before, it
/// leaves nothing behind. Otherwise as [`write_file`].
pub struct NewFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// A device or a pipe.
    Device(BufWriter<File>),
    /// A file under a temporary name, and the place where it goes.
    File {
        file: BufWriter<File>,
        aside: Aside,
        place: PathBuf,
    },
}

impl NewFile {
    /// Begins a file.
    ///
    /// # Errors
    /// A directory of that name, or one that cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io(path, "written", cause);
        let new = |sink| Self { path: path.to_path_buf(), sink };
        if is_dash(path) {
            return Ok(new(Sink::Stdout(BufWriter::new(io::stdout()))));
        }
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        match fs::metadata(&place) {
            Ok(about) if about.is_dir() => return Err(Error::of(path, "expected a file name, found a directory")),
            Ok(about) if !about.is_file() => {
                let device = OpenOptions::new().write(true).open(&place).map_err(failed)?;
                return Ok(new(Sink::Device(BufWriter::new(device))));
            }
            _ => {}
        }
        create_parent(&place)?;
        let aside = Aside::new(&place)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&aside.path).map_err(failed)?;
        Ok(new(Sink::File { file: BufWriter::with_capacity(1 << 18, file), aside, place }))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A full disk, or a place that cannot be written to.
    pub fn finish(mut self) -> Result<()> {
        let path = self.path.clone();
        let failed = |cause| Error::io(&path, "written", cause);
        self.flush().map_err(failed)?;
        let Sink::File { file, aside, place } = self.sink else { return Ok(()) };
        file.get_ref().sync_all().map_err(failed)?;
        if let Ok(old) = fs::metadata(&place) {
            // A private file stays private; where that cannot be kept, the new one has the usual permissions.
            let _ = fs::set_permissions(&aside.path, old.permissions());
        }
        fs::rename(&aside.path, &place).map_err(failed)?;
        sync_directory(place.parent());
        Ok(())
    }

    fn inner(&mut self) -> &mut (dyn Write + Send) {
        match &mut self.sink {
            Sink::Stdout(sink) => sink,
            Sink::Device(sink) | Sink::File { file: sink, .. } => sink,
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

/// Fills a directory through `fill`, which gets a temporary one beside it, and moves it to `path` when it is complete.
///
/// An empty directory is filled. One that is not empty is replaced only with `overwrite`, and only if it and the new
/// one hold the same file of [`MARKERS`]: then it is one of ours and of the same kind. Files in it that the new one does
/// not have (and that a directory of its kind does not have either) are somebody's own, and are not deleted: it is an
/// error then.
///
/// # Errors
/// A directory in the way, or a file inside it that is not ours, a parent that cannot be written to, a full disk, or what `fill` reports. Nothing is left
/// behind then, and what was there stays.
pub fn write_dir(path: &Path, overwrite: bool, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if is_dash(path) {
        return Err(Error::new("expected a directory to write to, found -"));
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let old = occupant(path, &place, overwrite)?;
    create_parent(&place)?;
    let aside = Aside::new(&place)?;
    fs::create_dir(&aside.path).map_err(|cause| Error::io(path, "created", cause))?;
    fill(&aside.path).map_err(|error| error.moved(&aside.path, path))?;
    if let Some(marker) = old {
        if !aside.path.join(marker).is_file() {
            return Err(in_the_way(path, &format!("a directory of another kind (it holds {marker})")));
        }
        let known = FILES.iter().find(|(own, _)| *own == marker).map_or(&[][..], |(_, files)| files);
        if let Some(name) = stranger(&place, &aside.path, known).map_err(|cause| Error::io(path, "read", cause))? {
            return Err(Error::of(path, format!("expected only files written by basewise, found {}", name.display()))
                .with_hint(
                    "move it elsewhere first, or choose another directory: replacing this one would delete it",
                ));
        }
    }
    sync_tree(&aside.path).map_err(|cause| Error::io(path, "written", cause))?;
    swap(path, &place, &aside)?;
    sync_directory(place.parent());
    Ok(())
}

/// Whether [`write_dir`] may write there: asked before long work.
///
/// # Errors
/// What is in the way.
pub fn check_dir(path: &Path, overwrite: bool) -> Result<()> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    occupant(path, &place, overwrite)?;
    check_beside(path, &place)
}

/// Whether a file can be written there: asked before long work. Devices and pipes are left alone.
///
/// # Errors
/// A directory of that name, or one that cannot be written to.
pub fn check_file(path: &Path) -> Result<()> {
    if is_dash(path) {
        return Ok(());
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match fs::metadata(&place) {
        Ok(about) if about.is_dir() => Err(Error::of(path, "expected a file name, found a directory")),
        Ok(about) if !about.is_file() => Ok(()),
        _ => check_beside(path, &place),
    }
}

/// Makes a file where a place is to be, or in the directory that is there above it; the file goes again, and no directory is made.
fn check_beside(path: &Path, place: &Path) -> Result<()> {
    if let Some(error) = blocked(place) {
        return Err(error);
    }
    let is_there = |above: &&Path| above.parent().is_none_or(|p| p.as_os_str().is_empty() || p.is_dir());
    let aside = Aside::new(place.ancestors().find(is_there).unwrap_or(place))?;
    let made = OpenOptions::new().write(true).create_new(true).open(&aside.path);
    made.map(|_| ()).map_err(|cause| Error::io(path, "written", cause))
}

/// The first entry (by name) of `old` that is neither in `new` nor one of the `known` files; a path below `old`.
fn stranger(old: &Path, new: &Path, known: &[&str]) -> io::Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(old)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let twin = new.join(&name);
        if entry.file_type()?.is_dir() {
            if !twin.is_dir() {
                return Ok(Some(PathBuf::from(name)));
            }
            if let Some(below) = stranger(&entry.path(), &twin, &[])? {
                return Ok(Some(Path::new(&name).join(below)));
            }
        } else if !twin.is_file() && !known.iter().any(|own| name == *own) {
            return Ok(Some(PathBuf::from(name)));
        }
    }
    Ok(None)
}

/// What stands at the place of a directory: nothing or an empty one (`None`), or one of ours, by its marker.
fn occupant(path: &Path, place: &Path, overwrite: bool) -> Result<Option<&'static str>> {
    let about = match fs::metadata(place) {
        Ok(about) => about,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(blocked(place).unwrap_or_else(|| Error::io(path, "written", cause))),
    };
    if !about.is_dir() {
        return Err(in_the_way(path, "a file"));
    }
    let mut entries = fs::read_dir(place).map_err(|cause| Error::io(path, "read", cause))?;
    if entries.next().is_none() {
        return Ok(None);
    }
    match MARKERS.into_iter().find(|marker| place.join(marker).is_file()) {
        None => Err(in_the_way(path, "a directory with other files in it")),
        Some(marker) if overwrite => Ok(Some(marker)),
        Some(marker) => Err(Error::of(path, format!("expected a new directory, found one with {marker} in it"))
            .with_hint("choose another directory, or pass --overwrite to replace this one")),
    }
}

fn in_the_way(path: &Path, found: &str) -> Error {
    Error::of(path, format!("expected a new or empty directory, found {found}"))
        .with_hint("choose another directory; basewise replaces only directories that it wrote, of the same kind")
}

fn swap(path: &Path, place: &Path, aside: &Aside) -> Result<()> {
    let failed = |cause| Error::io(path, "written", cause);
    if !place.exists() {
        return fs::rename(&aside.path, place).map_err(failed);
    }
    // No portable call exchanges two directories, so for a moment neither name exists; the old one comes back if the
    // second step fails.
    let old = Aside::new(place)?;
    fs::rename(place, &old.path).map_err(failed)?;
    if let Err(cause) = fs::rename(&aside.path, place) {
        let _ = fs::rename(&old.path, place);
        return Err(failed(cause));
    }
    Ok(())
}

fn create_parent(place: &Path) -> Result<()> {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::create_dir_all(parent)
            .map_err(|cause| blocked(place).unwrap_or_else(|| Error::io(parent, "created", cause))),
        _ => Ok(()),
    }
}

/// The file that stands where a directory above `place` would have to be, if there is one.
fn blocked(place: &Path) -> Option<Error> {
    let file = place.ancestors().skip(1).find(|above| fs::metadata(above).is_ok_and(|about| !about.is_dir()))?;
    let error = Error::of(file, "expected a directory, found a file");
    Some(error.with_hint("choose another place for the output, or move this file away"))
}

fn sync_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            OpenOptions::new().read(true).open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(Some(directory));
    Ok(())
}

/// Makes a rename durable. Some file systems cannot sync a directory; the rename has then happened all the same.
fn sync_directory(directory: Option<&Path>) {
    let directory = directory.filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(handle) = OpenOptions::new().read(true).open(directory) {
        let _ = handle.sync_all();
    }
}

/// A temporary name beside `place`; whatever stands there is removed at the end.
struct Aside {
    path: PathBuf,
}

impl Aside {
    fn new(place: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = place.file_name() else {
            return Err(Error::of(place, "expected a name to write to, found none"));
        };
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{}.{}-{n}.tmp", name.to_string_lossy(), std::process::id());
        Ok(Self { path: place.with_file_name(name) })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = match fs::symlink_metadata(&self.path) {
            Ok(about) if about.is_dir() => fs::remove_dir_all(&self.path),
            Ok(_) => fs::remove_file(&self.path),
            Err(_) => Ok(()),
        };
    }
}

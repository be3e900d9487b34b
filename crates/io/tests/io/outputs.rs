use crate::support::{Dir, says, text};
use basewise_io::Error;
use basewise_io::output::{check_dir, check_file, write_dir, write_file};
use std::io;
use std::path::Path;

#[test]
fn a_file_appears_whole_with_its_parents() {
    let dir = Dir::new();
    let path = dir.at("a/b/c.txt");
    write_file(&path, |sink| sink.write_all(b"one")).unwrap();
    assert_eq!(text(&path), "one");
    write_file(&path, |sink| sink.write_all(b"two")).unwrap();
    assert_eq!(text(&path), "two");
    assert_eq!(dir.names(), ["a"]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let dir = Dir::new();
    let path = dir.put("x.txt", "old");
    let full = |sink: &mut dyn io::Write| {
        sink.write_all(&[b'n'; 1 << 20])?;
        Err(io::ErrorKind::StorageFull.into())
    };
    says(write_file(&path, full), &path, &["no space left", "nothing half-written"]);
    assert_eq!((text(&path).as_str(), dir.names()), ("old", vec!["x.txt".to_owned()]));
    let fresh = dir.at("fresh.txt");
    says(write_file(&fresh, full), &fresh, &["no space left"]);
    assert_eq!(dir.names(), ["x.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_and_stays_a_device() {
    let full = Path::new("/dev/full");
    says(write_file(full, |sink| sink.write_all(b"x")), full, &["no space left"]);
    write_file(Path::new("/dev/null"), |sink| sink.write_all(b"x")).unwrap();
    for device in ["/dev/full", "/dev/null"] {
        assert!(!std::fs::metadata(device).unwrap().is_file());
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_written_through() {
    let dir = Dir::new();
    let target = dir.put("target", "old");
    std::os::unix::fs::symlink(&target, dir.at("link")).unwrap();
    write_file(&dir.at("link"), |sink| sink.write_all(b"new")).unwrap();
    assert_eq!(text(&target), "new");
    assert!(std::fs::symlink_metadata(dir.at("link")).unwrap().is_symlink());
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let dir = Dir::new();
    says(write_file(dir.path(), |_| Ok(())), dir.path(), &["found a directory"]);
    // A file where a directory is needed fails for the superuser too.
    let file = dir.put("file", "x");
    let below = file.join("out.txt");
    for path in [below.clone(), below.join("deeper/x.tsv")] {
        let told = write_file(&path, |_| Ok(())).unwrap_err();
        assert_eq!(told.to_string(), format!("{}: expected a directory, found a file", file.display()));
        let told = write_dir(&path, false, |_| Ok(())).unwrap_err();
        assert_eq!(told.to_string(), format!("{}: expected a directory, found a file", file.display()));
    }
    says(write_dir(&file, false, |_| Ok(())), &file, &["directory, found a file"]);
    says(basewise_io::input::open(&below).map(|_| ()), &below, &["expected a directory in its path, found a file"]);
    assert!(write_dir(Path::new("-"), false, |_| Ok(())).is_err());
    assert_eq!(dir.names(), ["file"]);
}

fn fill(marker: &'static str, content: &'static str) -> impl FnOnce(&Path) -> basewise_io::Result<()> {
    move |aside| write_file(&aside.join(marker), |sink| sink.write_all(content.as_bytes()))
}

#[test]
fn a_directory_appears_whole_or_not_at_all() {
    let dir = Dir::new();
    let path = dir.at("out");
    write_dir(&path, false, fill("run.json", "1")).unwrap();
    assert_eq!(text(&path.join("run.json")), "1");
    says(write_dir(&path, false, fill("run.json", "2")), &path, &["--overwrite"]);
    write_dir(&path, true, fill("run.json", "2")).unwrap();
    assert_eq!(text(&path.join("run.json")), "2");
    let failing = |aside: &Path| {
        write_file(&aside.join("run.json"), |sink| sink.write_all(b"3"))?;
        Err(Error::new("stopped"))
    };
    assert_eq!(write_dir(&path, true, failing).unwrap_err().to_string(), "stopped");
    let full = |aside: &Path| write_file(&aside.join("a/b.txt"), |_| Err(io::ErrorKind::StorageFull.into()));
    says(write_dir(&path, true, full), &path.join("a/b.txt"), &["no space left"]);
    assert_eq!((text(&path.join("run.json")).as_str(), dir.names()), ("2", vec!["out".to_owned()]));
}

#[test]
fn a_directory_of_another_kind_is_not_replaced() {
    let dir = Dir::new();
    std::fs::create_dir(dir.at("home")).unwrap();
    let thesis = dir.put("home/thesis.tex", "ten years");
    says(write_dir(&dir.at("home"), true, fill("run.json", "")), &dir.at("home"), &["other files"]);
    assert_eq!(text(&thesis), "ten years");

    write_dir(&dir.at("data"), false, fill("dataset.json", "d")).unwrap();
    says(write_dir(&dir.at("data"), true, fill("run.json", "")), &dir.at("data"), &["another kind", "dataset.json"]);
    assert_eq!(text(&dir.at("data/dataset.json")), "d");

    says(write_dir(&thesis, true, fill("run.json", "")), &thesis, &["found a file"]);
    std::fs::create_dir(dir.at("empty")).unwrap();
    write_dir(&dir.at("empty"), false, fill("run.json", "e")).unwrap();
    assert_eq!(dir.names(), ["data", "empty", "home"]);
}

#[test]
fn files_of_the_user_inside_a_directory_of_ours_are_not_deleted() {
    let dir = Dir::new();
    let path = dir.at("data");
    write_dir(&path, false, fill("dataset.json", "1")).unwrap();
    for ours in ["examples.parquet", "truth.tsv", "removed.tsv"] {
        dir.put(&format!("data/{ours}"), "x");
    }
    let notes = dir.put("data/notes.txt", "mine");
    dir.put("data/zebra.txt", "mine");
    says(write_dir(&path, true, fill("dataset.json", "2")), &path, &["found notes.txt", "move it elsewhere"]);
    assert_eq!((text(&notes).as_str(), text(&path.join("dataset.json")).as_str()), ("mine", "1"));
    assert_eq!(dir.names(), ["data"]);
    std::fs::remove_file(&notes).unwrap();
    std::fs::remove_file(dir.at("data/zebra.txt")).unwrap();
    write_dir(&path, true, fill("dataset.json", "2")).unwrap();
    assert!(!path.join("truth.tsv").exists());

    // A directory of ours, but with somebody's file in a folder that the new one has too, or has not.
    let two = |aside: &Path| {
        write_file(&aside.join("run.json"), |sink| sink.write_all(b"r"))?;
        write_file(&aside.join("logos/a.svg"), |sink| sink.write_all(b"a"))
    };
    write_dir(&dir.at("run"), false, two).unwrap();
    write_dir(&dir.at("run"), true, two).unwrap();
    dir.put("run/logos/mine.svg", "m");
    let inside = Path::new("logos").join("mine.svg");
    says(write_dir(&dir.at("run"), true, two), &dir.at("run"), &[&format!("found {}", inside.display())]);
    says(write_dir(&dir.at("run"), true, fill("run.json", "")), &dir.at("run"), &["found logos"]);
    assert_eq!(text(&dir.at("run").join(inside)), "m");
}

#[test]
fn looking_whether_a_place_can_be_written_to_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    for path in ["new.tsv", "a/b/new.tsv"] {
        check_file(&folder.path().join(path)).unwrap();
        check_dir(&folder.path().join(path), false).unwrap();
    }
    assert_eq!(entries(), 0);
    write_file(&folder.path().join("file"), |sink| sink.write_all(b"x")).unwrap();
    check_file(&folder.path().join("file")).unwrap();
    let below = check_file(&folder.path().join("file/new.tsv")).unwrap_err().to_string();
    assert!(below.contains("expected a directory, found a file"), "{below}");
    assert!(check_file(folder.path()).unwrap_err().to_string().contains("found a directory"));
    assert_eq!(entries(), 1);
}

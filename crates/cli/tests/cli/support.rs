//! Runs the binary in a folder of its own and keeps what it said.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// What a command line left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless the command ended with an error that says all of `parts`, and did not panic.
    #[track_caller]
    pub(crate) fn fails_saying(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(2), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "expected {part:?} in:\n{}", self.stderr);
        }
        self
    }
}

/// A folder with files, in which commands run.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).unwrap();
        self
    }

    /// Runs `basewise` with the words of `line`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        run_in(self.0.path(), line)
    }

    /// Runs `basewise` with the words of `line` and kills it, once after each of so many seconds. Fails if it always came
    /// to its end before.
    #[track_caller]
    pub(crate) fn kill(&self, line: &str, seconds: &[f64]) {
        let mut killed = 0;
        for &after in seconds {
            let mut child = Command::new(env!("CARGO_BIN_EXE_basewise"))
                .args(line.split_whitespace())
                .current_dir(self.0.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_secs_f64(after));
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
        }
        assert!(killed > 0, "{line} was never killed");
    }
}

/// Runs `basewise` with the words of `line` in a folder.
pub(crate) fn run_in(folder: &Path, line: &str) -> Ran {
    let words = line.split_whitespace();
    Ran::of(Command::new(env!("CARGO_BIN_EXE_basewise")).args(words).current_dir(folder).output().unwrap())
}

/// Runs a line as a shell would, with `basewise` on the path.
pub(crate) fn shell_in(folder: &Path, line: &str) -> Ran {
    let binary = Path::new(env!("CARGO_BIN_EXE_basewise"));
    let path = std::env::join_paths(
        std::iter::once(binary.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    Ran::of(Command::new("sh").args(["-c", line]).env("PATH", path.unwrap()).current_dir(folder).output().unwrap())
}

/// The rows of a Parquet file, column name to text; null is `null`.
pub(crate) fn parquet_rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let text = |field: &Field| match field {
        Field::Str(text) => text.clone(),
        Field::Long(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Null => "null".to_owned(),
        other => panic!("{other:?}"),
    };
    let row = |row: Row| row.get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect();
    reader.get_row_iter(None).unwrap().map(|own| row(own.unwrap())).collect()
}

/// A folder that holds a finished `quickstart`, made once for all tests.
pub(crate) fn quickstart() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quickstart-tests");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        run_in(&folder, "quickstart -o quickstart").ok();
        folder
    })
}

/// A small network that knows where a motif stands, as the text of an architecture.
pub(crate) const POOLED: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 9
[[layer]]
type = 'relu'
[[layer]]
type = 'max-pool1d'
width = 4
[[layer]]
type = 'flatten'
";

/// A small network that knows only whether a motif is there.
pub(crate) const GLOBAL: &str = "
[[layer]]
type = 'conv1d'
filters = 8
width = 9
[[layer]]
type = 'relu'
[[layer]]
type = 'global-max-pool'
";

/// A small labelled table: `AAAA...` against `CCCC...` with random ends, 3 splits, from a fixed recurrence.
pub(crate) fn small_table() -> String {
    let mut state = 7u32;
    let mut text = String::from("id\tsequence\tlabel\tsplit\n");
    for i in 0..240 {
        let mut letters = String::new();
        for _ in 0..40 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            letters.push(['A', 'C', 'G', 'T'][(state >> 30) as usize]);
        }
        let label = i % 2;
        if label == 1 {
            letters.replace_range(16..24, "TGACTCAT");
        }
        let split = ["train", "train", "train", "train", "valid", "test"][(i / 2) % 6];
        text += &format!("s{i}\t{letters}\t{label}\t{split}\n");
    }
    text
}

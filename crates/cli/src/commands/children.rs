//! Trainings as child processes of a command that needs many: several at once, and none left behind.
//!
//! A training is a run directory, so that what is there says how far it is; beside it are the words of the child
//! (`.log`) and a file that it holds locked (`.lock`), in which it leaves how much memory it needed.

use crate::failure::user;
use crate::run_dir::RunDir;
use anyhow::{Context, Result};
use fs_err::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often children are looked after.
const TICK: Duration = Duration::from_millis(20);

/// Turns Ctrl-C into the end of all children.
pub(crate) fn watch() {
    INTERRUPTED.store(false, Ordering::SeqCst);
    // Refused where another command of this process has a handler already.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// The run directory of a training, and what lies beside it.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// With everything else; what is unfinished goes on later.
    Interrupted,
    /// With an error that says so.
    Failed(String),
}

impl Place {
    pub(crate) fn new(run: PathBuf) -> Self {
        Self(run)
    }

    pub(crate) fn run(&self) -> RunDir {
        RunDir::new(&self.0)
    }

    /// The path with an ending, such as `trials/0007.log`.
    pub(crate) fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    /// Waits until a child of an earlier command, which was killed, has saved and let go of the run.
    pub(crate) fn wait_for_orphan(&self) -> Result<()> {
        let path = self.beside(".lock");
        if path.is_file() {
            File::options().write(true).open(&path)?.file().lock()?;
        }
        Ok(())
    }

    /// Starts `basewise train DATA --config SETTINGS` with more words, or goes on with it.
    pub(crate) fn start(&self, data: &Path, settings: &Path, threads: usize, words: &[&str]) -> Result<Child> {
        let program = std::env::current_exe().context("the program does not find itself")?;
        let log = File::create(self.beside(".log"))?.into_parts().0;
        let mut command = Command::new(program);
        command.arg("train").arg(data).arg("--config").arg(settings).arg("-o").arg(&self.0).arg("--resume");
        command.args(["--threads", &threads.to_string()]).args(words).arg("--worker-lock").arg(self.beside(".lock"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn();
        child.context("a training could not be started")
    }

    /// What the end of a child means. One that was killed is an error: it may be a shortage of memory that would end the
    /// next ones too. `what` names it, such as `trial 7`.
    pub(crate) fn ended(&self, status: ExitStatus, what: &str) -> Result<Ended> {
        match status.code() {
            Some(0) => Ok(Ended::Done),
            // It was interrupted, as all of them are; or its end was not its own.
            Some(1 | 130) if INTERRUPTED.load(Ordering::SeqCst) => Ok(Ended::Interrupted),
            Some(1) => {
                INTERRUPTED.store(true, Ordering::SeqCst);
                Ok(Ended::Interrupted)
            }
            Some(_) => Ok(Ended::Failed(self.complaint())),
            None => Err(user(
                format!("{what} was killed ({status})"),
                Some("it may have needed more memory than there is; --resume tries it again"),
            )),
        }
    }

    /// The error that a child ended with.
    fn complaint(&self) -> String {
        let log = fs_err::read(self.beside(".log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let error = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
        error.map_or_else(|| "it ended with an error".to_owned(), str::to_owned)
    }

    /// The most memory that the training held, in bytes, where its system says so.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        fs_err::read_to_string(self.beside(".lock")).ok()?.trim().parse().ok()
    }

    /// Removes the file that keeps two processes from one run.
    pub(crate) fn tidy(&self) {
        // One that is not there was not needed.
        let _ = std::fs::remove_file(self.beside(".lock"));
    }
}

/// What is trained, by index.
pub(crate) trait Attended {
    /// Starts a child, unless there is nothing to do.
    fn start(&mut self, index: usize) -> Result<Option<Child>>;
    /// Takes down how it ended.
    fn end(&mut self, index: usize, status: ExitStatus) -> Result<()>;
}

/// A child at work.
struct Running {
    index: usize,
    child: Child,
}

/// Trains what the indices name, `jobs` at once. False if it was interrupted.
pub(crate) fn attend(attended: &mut impl Attended, which: &[usize], jobs: usize) -> Result<bool> {
    let mut running: Vec<Running> = Vec::new();
    let result = look_after(attended, which, jobs, &mut running);
    // Whatever happened, no child is left behind: without its standard input each saves and ends.
    running.iter_mut().for_each(|running| drop(running.child.stdin.take()));
    for running in &mut running {
        running.child.wait()?;
    }
    result?;
    Ok(!INTERRUPTED.load(Ordering::SeqCst))
}

fn look_after(attended: &mut impl Attended, which: &[usize], jobs: usize, running: &mut Vec<Running>) -> Result<()> {
    let mut waiting = which.iter().copied().peekable();
    while !(INTERRUPTED.load(Ordering::SeqCst) || waiting.peek().is_none() && running.is_empty()) {
        while running.len() < jobs
            && let Some(index) = waiting.next()
        {
            if let Some(child) = attended.start(index)? {
                running.push(Running { index, child });
            }
        }
        let mut i = 0;
        while i < running.len() {
            match running[i].child.try_wait()? {
                None => i += 1,
                Some(status) => {
                    let index = running.swap_remove(i).index;
                    attended.end(index, status)?;
                }
            }
        }
        if !running.is_empty() {
            std::thread::sleep(TICK);
        }
    }
    Ok(())
}

/// Keeps a second command out of a directory, as long as what is returned lives. `name` is that of the file.
pub(crate) fn lock(directory: &Path, name: &str) -> Result<File> {
    let path = directory.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    match file.file().try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            let verb = name.trim_end_matches(".lock");
            Err(user(format!("{}: another basewise {verb} is at work there", directory.display()), None))
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(user(format!("{}: could not be locked: {error}", path.display()), None))
        }
    }
}

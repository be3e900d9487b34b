//! Errors as people read them: one chain, then a hint; and the exit codes.

use crate::printer::Printer;
use std::fmt;
use std::process::ExitCode;

/// How a subcommand ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The work is done.
    Done,
    /// It ran, but the answer is no: a check found something, training was interrupted.
    No,
}

impl Outcome {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::No => ExitCode::from(1),
        }
    }
}

/// A mistake in what was asked for, with the way out.
#[derive(Debug)]
pub(crate) struct UserError {
    message: String,
    hint: Option<String>,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UserError {}

/// An error with a message and perhaps a hint.
pub(crate) fn user(message: impl Into<String>, hint: Option<&str>) -> anyhow::Error {
    UserError { message: message.into(), hint: hint.map(str::to_owned) }.into()
}

/// Prints the error and says how the program ends. A reader that went away (`| head`) is no error.
pub(crate) fn render(error: &anyhow::Error, printer: &Printer) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut message = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Libraries often repeat the text of their source; once is enough.
        if !message.contains(&cause) {
            message = if message.is_empty() { cause } else { format!("{message}: {cause}") };
        }
    }
    printer.stderr(&format!("error: {message}"));
    if let Some(hint) = error.chain().find_map(hint_of) {
        printer.stderr(&format!("hint: {hint}"));
    }
    ExitCode::from(2)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
        io || cause.downcast_ref::<basewise_io::Error>().is_some_and(basewise_io::Error::is_broken_pipe)
    })
}

fn hint_of(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<UserError>() {
        return error.hint.clone();
    }
    if let Some(error) = cause.downcast_ref::<basewise_io::Error>() {
        return error.hint();
    }
    None
}

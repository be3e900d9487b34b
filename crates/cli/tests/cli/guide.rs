//! The guide's commands, run page by page in the order of its summary.

use crate::support::{quickstart, shell_in};
use std::path::Path;

fn pages() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src");
    let summary = std::fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let names = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(name, _)| name);
    names.map(|name| std::fs::read_to_string(source.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))).collect()
}

/// The lines after `$ ` in blocks marked `console`; a backslash continues a line.
fn commands(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let mut open = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push(command.trim_end_matches('\\').to_owned());
                open = line.ends_with('\\');
            } else if open {
                let last = found.last_mut().unwrap();
                last.push_str(line.trim_end_matches('\\'));
                open = line.ends_with('\\');
            }
        }
    }
    found
}

#[test]
fn commands_of_the_guide_run_as_printed() {
    let mut ran = 0;
    for command in pages().iter().flat_map(|page| commands(page)) {
        // Made once for all tests, and too long to make again.
        if command.starts_with("basewise quickstart") {
            continue;
        }
        let expected = if command.contains("# exit code 1") {
            Some(1)
        } else if command.contains("# exit code 2") {
            Some(2)
        } else {
            Some(0)
        };
        let result = shell_in(quickstart(), &command);
        assert_eq!(result.code, expected, "{command}\n{}\n{}", result.stdout, result.stderr);
        assert!(!result.stderr.contains("panicked"), "{command}\n{}", result.stderr);
        ran += 1;
    }
    assert!(ran >= 20, "only {ran} commands found in the guide");
}

/// Rows of the page of terms: the command and the place of the code.
#[test]
fn every_term_has_a_command_that_is_run_and_code_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/src/terms.md")).unwrap();
    let run: Vec<String> = pages().iter().flat_map(|page| commands(page)).collect();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut terms = 0;
    for row in rows {
        let quoted: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [command, code] = quoted.as_slice() else { panic!("expected a command and a place: {row}") };
        assert!(run.iter().any(|other| other.contains(command)), "{command} is on no page");
        assert!(root.join(code).exists(), "{code} is not there");
        terms += 1;
    }
    assert!(terms >= 30, "only {terms} terms");
}

#[test]
fn continued_lines_are_joined() {
    let page = "```console\n$ basewise a \\\n    b\nout\n$ basewise c\n```\n```toml\n$ no\n```";
    assert_eq!(commands(page), ["basewise a     b", "basewise c"]);
}

//! Every subcommand has a help page with an example, and the examples run.

use crate::support::{quickstart, run_in, shell_in};

/// All subcommands, found by walking the help pages.
fn subcommands(prefix: &str) -> Vec<String> {
    let help = run_in(quickstart(), &format!("{prefix} --help")).ok().stdout;
    let Some((_, listed)) = help.split_once("Commands:\n") else { return vec![prefix.trim().to_owned()] };
    let names = listed.lines().take_while(|line| line.starts_with("  ")).filter_map(|line| {
        let indented_by_two = !line.starts_with("   ");
        indented_by_two.then(|| line.split_whitespace().next()).flatten()
    });
    names.filter(|&name| name != "help").flat_map(|name| subcommands(&format!("{prefix} {name}"))).collect()
}

#[test]
fn every_help_page_has_an_example_that_runs() {
    let all = subcommands("");
    assert!(all.len() >= 15, "{all:?}");
    for command in all {
        let help = run_in(quickstart(), &format!("{command} --help")).ok().stdout;
        let examples: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("$ ")).collect();
        assert!(!examples.is_empty(), "{command} --help has no example:\n{help}");
        for example in examples.into_iter().filter(|e| !e.starts_with("basewise quickstart")) {
            let ran = shell_in(quickstart(), example);
            // A data check may say no; that is an answer.
            assert!(matches!(ran.code, Some(0 | 1)), "{example}\n{}\n{}", ran.stdout, ran.stderr);
            assert!(ran.code == Some(0) || command.contains("check"), "{example}\n{}", ran.stderr);
        }
    }
}

#[test]
fn a_misspelt_subcommand_names_the_nearest() {
    run_in(quickstart(), "trian x").fails_saying(&["train"]);
}

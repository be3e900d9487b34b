use super::*;
use crate::comparison::{Change, Cost, Kind, LeakFree, ModelRecord, Paired, Ranked, Repeats};
use basewise_core::check::{CheckReport, FindingKind, Severity};
use basewise_core::metrics::Estimate;

fn estimate(value: f64) -> Estimate {
    Estimate { value: Some(value), low: Some(value - 0.02), high: Some(value + 0.01) }
}

fn pair(other: &str, value: f64) -> Option<Paired> {
    let p = Some(0.004);
    Some(Paired { other: other.into(), estimate: estimate(value), p, p_corrected: p, test: "bootstrap".into() })
}

fn ranked(model: &str, kind: Kind, value: f64) -> Ranked {
    let metrics =
        [("auroc".to_owned(), estimate(value)), ("average_precision".to_owned(), estimate(value - 0.1))].into();
    let to_best = (model != "cnn").then(|| pair("cnn", value - 0.93)).flatten();
    let to_best_classical = (model != "forest").then(|| pair("forest", value - 0.9)).flatten();
    Ranked { model: model.into(), kind, metrics, repeats: vec![Some(value), None], to_best, to_best_classical }
}

fn task(name: &str) -> TaskComparison {
    TaskComparison {
        task: name.into(),
        kind: "binary".into(),
        n: 120,
        positives: Some(60),
        metrics: ["auroc".into(), "average_precision".into()],
        best: Some("cnn".into()),
        best_classical: Some("forest".into()),
        verdict: "no network is better than <forest>".into(),
        ranking: vec![
            ranked("cnn", Kind::Network, 0.93),
            ranked("forest", Kind::Classical, 0.9),
            ranked("majority", Kind::Baseline, 0.5),
        ],
    }
}

fn model(name: &str, kind: Kind, seconds: f64) -> ModelRecord {
    let cost = Cost {
        training_seconds: Some(seconds),
        sequences_per_second: Some(12_345.6),
        peak_memory_bytes: Some(300 << 20),
    };
    ModelRecord {
        name: name.into(),
        kind,
        runs: vec![format!("models/{name}/seed-1").into()],
        settings: format!("model = \"{name}\"\n"),
        parameters: Some(1234),
        cost,
        error: None,
    }
}

fn comparison(tasks: Vec<TaskComparison>) -> Comparison {
    Comparison {
        format_version: 1,
        version: "0".into(),
        command: "basewise compare <data>".into(),
        data: "data".into(),
        dataset_sha256: "00".into(),
        examples: 120,
        repeats: Repeats::Seeds(2),
        resamples: 1000,
        seed: 1,
        resampled: "groups of similar sequences (31)".into(),
        jobs: 1,
        threads: 2,
        check: CheckReport { rows: 9, splits: [].into(), findings: Vec::new() },
        models: vec![model("cnn", Kind::Network, 9.0), model("forest", Kind::Classical, 1.5)],
        tasks,
        leak_free: None,
    }
}

fn page(comparison: &Comparison) -> String {
    let finding = Finding { kind: "copies".into(), severity: data::Severity::Inflates, ..Finding::default() };
    let (title, generated_by) = ("Models".to_owned(), "basewise compare".to_owned());
    document(&ComparisonReport { title, generated_by, comparison, check: vec![finding] }).into_string()
}

#[test]
fn every_part_is_there_and_the_navigation_leads_to_it() {
    let html = page(&comparison(vec![task("label")]));
    for id in ["overview", "scores", "differences", "costs", "data", "details"] {
        assert_eq!(html.matches(&format!("<section id=\"{id}\">")).count(), 1, "{id}");
        assert!(html.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    for part in ["No network is better than &lt;forest&gt;.", "1,234", "300 MiB", "12,346", "2 seeds", "0.930 to 0.930"]
        .into_iter()
        .chain(["resamples of groups of similar sequences (31), the same"])
    {
        assert!(html.contains(part), "{part}");
    }
    // Points of the scores, of both differences and of the costs; a guess is in the tables alone.
    assert_eq!(html.matches("<circle").count(), 2 + 1 + 1 + 2 + 1);
    assert!(!html.contains("<data>") && !html.contains("Read these results with care."));
}

#[test]
fn what_casts_doubt_and_what_failed_stand_in_the_overview() {
    let mut doubtful = comparison(vec![task("a"), task("b <c>")]);
    doubtful.models[1].error = Some("it is <wild>".into());
    doubtful.check.findings.push(basewise_core::check::Finding {
        kind: FindingKind::CopiesAcrossSplits,
        severity: Severity::Inflates,
        count: 1,
        total: 2,
        message: "a test sequence is in <training>".into(),
        examples: vec![],
        splits: vec![],
        task: None,
        value: None,
    });
    let html = page(&doubtful);
    for part in [
        "Read these results with care.",
        "in &lt;training&gt;",
        "could not be trained: it is &lt;wild&gt;",
        "b &lt;c&gt;",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn a_second_comparison_has_a_part_of_its_own() {
    let mut both = comparison(vec![task("label")]);
    let change = Change {
        task: "label".into(),
        model: "cnn".into(),
        before: estimate(0.93),
        after: estimate(0.81),
        change: estimate(-0.12),
    };
    both.leak_free = Some(LeakFree {
        data: "leak-free/data".into(),
        dataset_sha256: "11".into(),
        examples: 77,
        resampled: "examples".into(),
        models: Vec::new(),
        tasks: vec![task("label")],
        changes: vec![change],
    });
    let html = page(&both);
    assert!(html.contains("<section id=\"leak-free\">") && html.contains("href=\"#leak-free\">Leak-free<"), "{html}");
    assert!(html.contains("\u{2212}0.120") && html.contains("77 examples"));
}

#[test]
fn figures_that_are_undefined_are_never_drawn() {
    let mut undefined = task("label");
    (undefined.best, undefined.best_classical) = (None, None);
    for ranked in &mut undefined.ranking {
        ranked.metrics.clear();
        (ranked.to_best, ranked.to_best_classical) = (None, None);
    }
    let html = page(&comparison(vec![undefined]));
    assert!(!html.contains("NaN") && html.contains("There are none: no network"), "{html}");
    let mut broken = task("label");
    broken.ranking[0].to_best_classical = pair("forest", f64::NAN);
    broken.ranking[1].metrics.insert("auroc".into(), estimate(f64::INFINITY));
    let html = page(&comparison(vec![broken]));
    assert!(!html.contains("NaN") && !html.contains(">inf<"));
    assert!(!page(&comparison(vec![])).contains("NaN"));
}

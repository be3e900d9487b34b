//! Made-up data for the tests: small, but with every part filled.

use super::data::*;

/// A value with an interval.
pub(super) fn estimate(value: f64) -> Estimate {
    Estimate { value: Some(value), low: Some(value - 0.01), high: Some(value + 0.01), reason: String::new() }
}

/// An undefined value.
pub(super) fn undefined(reason: &str) -> Estimate {
    Estimate { reason: reason.to_owned(), ..Estimate::default() }
}

/// A run with every part.
pub(super) fn full_run(name: &str) -> RunReport {
    RunReport {
        name: name.to_owned(),
        path: format!("runs/{name}"),
        headline: vec![Headline {
            label: "auroc".into(),
            estimate: estimate(0.985),
            note: "k-mer baseline 0.760".into(),
        }],
        data: data(),
        check: Some(vec![
            Finding { kind: "conflicting labels".into(), message: "none".into(), total: 60, ..Finding::default() },
            Finding {
                kind: "copies across splits".into(),
                severity: Severity::Inflates,
                count: 2,
                total: 60,
                message: "2 test sequences are also in train".into(),
                examples: vec!["s1".into(), "s2".into()],
            },
        ]),
        classical: None,
        architecture: Architecture {
            name: "cnn".into(),
            rows: vec![LayerRow {
                layer: "conv 8 x 5".into(),
                output_shape: "8 x 20".into(),
                parameters: 168,
                receptive_field: Some(5),
            }],
            parameters: 1234,
        },
        training: Training {
            epochs: (1..=5).map(epoch).collect(),
            metric: "auroc".into(),
            best_epoch: Some(3),
            seconds: 12.5,
            stopped: "no improvement for 2 epochs".into(),
            members: Vec::new(),
        },
        performance: vec![performance()],
        explanation: Some(explanation()),
        filters: Some(filters()),
        discovery: Some(discovery()),
        details: RunDetails {
            commands: vec!["basewise train data --seed 1 -o runs/donor".into()],
            facts: vec![Fact { key: "seed".into(), value: "1".into() }],
            config: Some(ConfigText { name: "run.toml".into(), text: "seed = 1\n".into() }),
        },
    }
}

/// A page of these runs.
pub(super) fn page(runs: Vec<RunReport>) -> ReportData {
    ReportData {
        title: "Splice sites".into(),
        subtitle: "Donors and acceptors.".into(),
        version: "0.1.0".into(),
        generated_by: "basewise report runs/donor".into(),
        runs,
    }
}

fn data() -> DataSummary {
    DataSummary {
        path: "data/donor".into(),
        description: "Donors of a fly.".into(),
        alphabet: "DNA".into(),
        case: "ignore".into(),
        length: 20,
        jitter: 2,
        tasks: vec![TaskSummary { name: "donor".into(), kind: "binary".into(), classes: Vec::new() }],
        covariates: Vec::new(),
        control: None,
        splits: vec![
            SplitSummary {
                split: "train".into(),
                examples: 40,
                counts: vec![LabelCount { label: "site".into(), count: 20 }],
            },
            SplitSummary {
                split: "test".into(),
                examples: 20,
                counts: vec![LabelCount { label: "site".into(), count: 10 }],
            },
        ],
        sources: vec![Source { path: "donor.tsv".into(), sha256: "ab".repeat(32) }],
        gc: vec![ClassDistribution { class: "site".into(), mean: 0.45, q1: 0.4, median: 0.46, q3: 0.5 }],
        lengths: Some(Lengths { min: 18, median: 20.0, max: 24 }),
        first_rows: vec![RowPreview {
            id: "s1".into(),
            place: Some("chr2R:10-30(+)".into()),
            split: "train".into(),
            label: "site".into(),
            sequence: "ACGTACGTACGTACGTACGT".into(),
        }],
    }
}

fn epoch(epoch: usize) -> EpochPoint {
    let loss = 0.5f64.powi(epoch as i32);
    EpochPoint { epoch, train_loss: Some(loss), valid_loss: Some(loss + 0.125), valid_metric: Some(1.0 - loss) }
}

fn performance() -> TaskPerformance {
    let curve = |name: &str, area| RateCurve {
        name: name.into(),
        points: vec![[0.0, 0.0], [0.1, 0.9], [1.0, 1.0]],
        band: vec![[0.0, 0.0, 0.1], [1.0, 0.9, 1.0]],
        area: estimate(area),
    };
    let chart =
        RateChart { model: vec![curve("cnn", 0.985)], baselines: vec![curve("k-mer", 0.76)], prevalence: Some(0.5) };
    let row = |metric: &str, model, baseline| MetricRow {
        metric: metric.into(),
        model,
        baselines: vec![NamedEstimate { name: "majority".into(), estimate: baseline }],
    };
    TaskPerformance {
        task: "donor".into(),
        kind: "binary".into(),
        split: "test".into(),
        examples: 20,
        resamples: 1000,
        resampled: "examples".into(),
        metrics: vec![
            row("auroc", estimate(0.985), estimate(0.5)),
            row("mcc", estimate(0.9), undefined("one class is predicted")),
            row("log_loss", estimate(0.2), estimate(0.693)),
        ],
        roc: Some(chart.clone()),
        precision_recall: Some(chart),
        calibration: Some(Calibration {
            bins: vec![CalibrationBin { predicted: 0.2, observed: 0.25, low: Some(0.1), high: Some(0.4), count: 10 }],
            error: estimate(0.05),
        }),
        confusion: Some(Confusion {
            classes: vec!["decoy".into(), "site".into()],
            counts: vec![vec![9, 1], vec![2, 8]],
        }),
        scatter: Some(Scatter { points: vec![[0.1, 0.2], [0.9, 0.7]], total: 20 }),
        scores: Some(ScoreHistograms { classes: vec![ClassHistogram { class: "site".into(), counts: vec![1, 2, 7] }] }),
    }
}

fn explanation() -> Explanation {
    let heights = vec![[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.9], [-0.3, 0.0, 0.0, 0.0]];
    Explanation {
        method: "ism".into(),
        target: "donor".into(),
        examples_explained: 10,
        group: "test sites".into(),
        start: -1,
        average_track: heights.clone(),
        importance_profile: vec![1.0, 0.9, 0.3],
        highlights: vec![Highlight { start: 0, end: 2, label: "GT".into() }],
        examples: vec![ExampleTrack {
            id: "s1".into(),
            label: "site".into(),
            prediction: Some(0.97),
            place: None,
            start: -1,
            heights,
            highlights: Vec::new(),
        }],
        all: Vec::new(),
    }
}

fn discovery() -> Discovery {
    let rows: Vec<[f64; 4]> = (0..8).map(|i| std::array::from_fn(|b| if i % 4 == b { 0.85 } else { 0.05 })).collect();
    let pattern = |i: usize| DiscoveredPattern {
        name: format!("pos_patterns.pattern_{i}"),
        contributions: rows.iter().map(|row| row.map(|p| if p > 0.5 { p / 2.0 } else { 0.0 })).collect(),
        probabilities: rows.clone(),
        sites: 400 / (i + 1),
        sequences: 350 / (i + 1),
        position: 52.5,
        spread: 3.25,
        positions: (0..40).map(|bin| if bin / 4 == 5 { 30 } else { 2 }).collect(),
        e_value: None,
        matches: vec![MotifMatch { id: "MA0139.1".into(), name: "CTCF".into(), p: 1e-9, q: 2e-7 }],
    };
    Discovery {
        method: "attributions by ism of 500 sequences".into(),
        database: "JASPAR CORE (built in)".into(),
        length: 100,
        total: 2,
        reasons: vec!["no negative pattern: 3 seqlets, fewer than 100".into()],
        patterns: (0..2).map(pattern).collect(),
    }
}

fn filters() -> Filters {
    let card = |i: usize| FilterCard {
        name: format!("filter {i}"),
        probabilities: vec![[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        sites: 30,
        sequences: 20,
        correlation: Some(0.7),
        max_activation: Some(3.2),
        positions: vec![0, 3, 9, 1],
        matches: vec![MotifMatch { id: "MA0001.1".into(), name: "br".into(), p: 1e-6, q: 3e-5 }],
    };
    Filters {
        method: "windows above half of the maximum".into(),
        database: "JASPAR".into(),
        total: 64,
        start: -10,
        cards: (0..14).map(card).collect(),
    }
}

//! The pages of generative models: a training, and generated sequences beside real ones.

use super::charts::{
    LetterTrack, LineChart, ScatterLabels, Series, class_histograms, letter_track, line_chart, scatter_between,
};
use super::data::{ClassHistogram, ReportData, ScoreHistograms};
use super::markup::{Markup, tag};
use super::number::{self, counted};
use super::page::{Context, framed, paragraph};
use basewise_core::realism::{Words, gc_share};
use basewise_core::{Alphabet, Code};
use basewise_nn::generative::{GenerativeConfig, GenerativeEpoch, GenerativeKind};
use serde::{Deserialize, Serialize};

/// A row of the table. What a set is too small for is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) set: String,
    pub(crate) sequences: usize,
    /// Jensen-Shannon divergence of words of 1 to 6 bases, bits.
    pub(crate) word_divergence: Vec<Option<f64>>,
    /// Mean share of G and C.
    pub(crate) gc: Option<f64>,
    /// Earth mover's distance of that share.
    pub(crate) gc_distance: Option<f64>,
    /// Mean share of positions at which two sequences differ.
    pub(crate) difference: Option<f64>,
    /// Sequences that equal an earlier one.
    pub(crate) duplicates: usize,
    /// Differing positions to the nearest training sequence.
    pub(crate) hamming: Option<Near>,
    /// Edits to the nearest training sequence.
    pub(crate) edit: Option<Near>,
    /// Of the discriminator by words.
    pub(crate) auroc_words: Option<f64>,
    /// Of the discriminator by positions.
    pub(crate) auroc_positions: Option<f64>,
    /// Divergence of the distances between neighbouring motifs, bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spacing_divergence: Option<f64>,
    /// Motifs found in a sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) motifs: Option<f64>,
    /// The predictor's scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prediction: Option<Predicted>,
}

/// Distances to the nearest training sequence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Near {
    pub(crate) smallest: usize,
    /// 5 % are nearer.
    pub(crate) fifth_percentile: usize,
    pub(crate) median: usize,
}

/// Predictions of a set, as probabilities where there are any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Predicted {
    pub(crate) output: String,
    pub(crate) mean: f64,
    pub(crate) median: f64,
}

/// What the page of a training shows.
pub(crate) struct TrainingPage<'a> {
    pub(crate) title: String,
    pub(crate) command: &'a str,
    pub(crate) config: &'a GenerativeConfig,
    pub(crate) history: &'a [GenerativeEpoch],
    pub(crate) best_epoch: usize,
    /// Training and validation.
    pub(crate) sequences: [usize; 2],
    pub(crate) warnings: &'a [String],
}

/// What the page of a comparison with real sequences shows.
pub(crate) struct ScorePage<'a> {
    pub(crate) title: String,
    pub(crate) command: &'a str,
    pub(crate) alphabet: Alphabet,
    pub(crate) length: usize,
    /// Bases of the words that are drawn.
    pub(crate) word: usize,
    pub(crate) rows: &'a [Measured],
    pub(crate) held: &'a [&'a [Code]],
    /// Names and sequences, the generated ones first.
    pub(crate) sets: &'a [(&'a str, Vec<&'a [Code]>)],
    /// Of the Markov model.
    pub(crate) order: usize,
}

/// Bins of the share of G and C.
const BINS: usize = 40;
/// Longer sequences have no picture of their positions.
const DRAWN: usize = 1000;
/// Points that are drawn, at most: the words that are most frequent.
const POINTS: usize = 4096;

fn about(title: &str, command: &str) -> ReportData {
    ReportData {
        title: title.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_by: command.to_owned(),
        ..ReportData::default()
    }
}

/// Drawings side by side.
fn panels(drawings: Markup) -> Markup {
    tag("div").class("panels").add(drawings).into()
}

/// Lays out the page of a training.
pub(crate) fn render_training(page: &TrainingPage<'_>) -> String {
    let mut context = Context::plain();
    let kind = match page.config.model {
        GenerativeKind::Vae => "Variational autoencoder",
        GenerativeKind::Wgan => "Wasserstein GAN with gradient penalty",
    };
    let [train, valid] = page.sequences.map(|n| counted(n, "sequence", "sequences"));
    let lede = format!("{kind}, fitted to {train}, judged on {valid} of the validation split after each epoch.");
    let mut body = Markup::from(tag("p").class("lede").text(lede));
    page.warnings.iter().for_each(|warning| body.push(tag("p").class("missing").text(warning)));
    let points = |value: fn(&GenerativeEpoch) -> f64| -> Vec<(f64, f64)> {
        page.history.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect()
    };
    let (what, unit) = match page.config.model {
        GenerativeKind::Vae => ("Negative evidence lower bound of a sequence", "nats"),
        GenerativeKind::Wgan => ("The critic's distance between real and generated sequences", "distance"),
    };
    let mark = Some((page.best_epoch as f64, "kept".to_owned()));
    let loss = LineChart {
        title: what,
        x_label: "Epoch",
        y_label: unit,
        series: vec![
            Series { name: "train", class: "s1", points: points(|e| e.train) },
            Series { name: "valid", class: "s2", points: points(|e| e.valid) },
        ],
        mark: mark.clone(),
    };
    body.push(context.figure("panels", panels(line_chart(&loss)), Markup::text(format!("{what}, by epoch."))));
    let words = LineChart {
        title: "Divergence of 6-mers",
        x_label: "Epoch",
        y_label: "bits",
        series: vec![Series { name: "6-mers", class: "s1", points: points(|e| e.divergence) }],
        mark: mark.clone(),
    };
    let caption = "Jensen-Shannon divergence of 6-mers between 1,000 generated sequences and those of the validation split. \
                   Few sequences are apart by chance alone.";
    body.push(context.figure("panels", panels(line_chart(&words)), Markup::literal(caption)));
    let alike = LineChart {
        title: "Diversity of generated sequences",
        x_label: "Epoch",
        y_label: "share",
        series: vec![Series { name: "diversity", class: "s1", points: points(|e| e.diversity) }],
        mark,
    };
    let caption = "Mean difference of two generated sequences over that of two training sequences: near 0 when a model has \
                   collapsed to a few sequences, 1 when they differ as real ones do.";
    body.push(context.figure("panels", panels(line_chart(&alike)), Markup::literal(caption)));
    framed(&about(&page.title, page.command), &[], body).into_string()
}

/// Lays out the page of a comparison with real sequences.
pub(crate) fn render_score(page: &ScorePage<'_>) -> String {
    let mut context = Context::plain();
    let generated = page.sets.first().map_or(0, |(_, set)| set.len());
    let lede = format!(
        "{} beside {} held out from training, and beside real training sequences, shuffles that keep dinucleotides, and a \
         Markov model of order {}.",
        counted(generated, "generated sequence", "generated sequences"),
        counted(page.held.len(), "real sequence", "real sequences"),
        page.order
    );
    let mut body = Markup::from(tag("p").class("lede").text(lede));
    body.push(table(page, &mut context));
    body.push(words(page, &mut context));
    body.push(composition(page, &mut context));
    body.push(positions(page, &mut context));
    framed(&about(&page.title, page.command), &[], body).into_string()
}

fn table(page: &ScorePage<'_>, context: &mut Context) -> Markup {
    let header = [
        "Set",
        "Sequences",
        "3-mers, bits",
        "6-mers, bits",
        "GC",
        "GC apart",
        "Duplicates",
        "Nearest, Hamming",
        "Nearest, edits",
        "AUROC, words",
        "AUROC, positions",
    ];
    let show = |value: Option<f64>, decimals| value.map_or("–".to_owned(), |value| number::fixed(value, decimals));
    let near = |near: Option<Near>| {
        near.map_or("–".to_owned(), |near| format!("{} (least {})", number::grouped(near.median), near.smallest))
    };
    let row = |row: &Measured| {
        let cells = [
            row.set.clone(),
            number::grouped(row.sequences),
            show(row.word_divergence.get(2).copied().flatten(), 5),
            show(row.word_divergence.last().copied().flatten(), 5),
            show(row.gc, 3),
            show(row.gc_distance, 4),
            number::grouped(row.duplicates),
            near(row.hamming),
            near(row.edit),
            show(row.auroc_words, 3),
            show(row.auroc_positions, 3),
        ];
        tag("tr").add_all(cells.iter().map(|cell| tag("td").text(cell)))
    };
    let head = tag("thead").add(tag("tr").add_all(header.iter().map(|name| tag("th").text(name))));
    let whole = tag("table").class("many").add(head).add(tag("tbody").add_all(page.rows.iter().map(row)));
    let caption = "Divergences of words from the held-out sequences; distances to the nearest training sequence as median and \
                   least (of real: from held-out sequences); AUROC of logistic regressions that tell a set from the held-out \
                   sequences, where 0.5 means that they cannot.";
    let mut markup = context.table(Markup::literal(caption), whole);
    let others: Vec<String> = page.rows.iter().filter_map(others).collect();
    if !others.is_empty() {
        markup.push(paragraph(Markup::text(others.join(" "))));
    }
    markup
}

/// Motifs and predictions of a set in a sentence, if they were asked for.
fn others(row: &Measured) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(motifs) = row.motifs {
        let spacing = row.spacing_divergence.map_or("–".to_owned(), |value| number::fixed(value, 4));
        parts.push(format!("{} motifs a sequence, spacing {spacing} bits apart", number::fixed(motifs, 2)));
    }
    if let Some(found) = &row.prediction {
        let (mean, median) = (number::fixed(found.mean, 3), number::fixed(found.median, 3));
        parts.push(format!("predicted {} {mean} on average, median {median}", found.output));
    }
    (!parts.is_empty()).then(|| format!("{}: {}.", row.set, parts.join("; ")))
}

/// Frequencies of words among generated, shuffled and Markov sequences against real ones.
fn words(page: &ScorePage<'_>, context: &mut Context) -> Markup {
    let real = Words::count(page.word, page.held.iter().copied());
    let shares = |words: &Words| -> Vec<f64> {
        let total = words.total().max(1) as f64;
        words.counts().iter().map(|&count| 1000.0 * count as f64 / total).collect()
    };
    let own = shares(&real);
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| own[b].total_cmp(&own[a]).then(a.cmp(&b)));
    order.truncate(POINTS);
    let mut pictures = Markup::new();
    for (name, set) in page.sets.iter().filter(|(name, _)| *name != "real") {
        let other = shares(&Words::count(page.word, set.iter().copied()));
        let points: Vec<[f64; 2]> = order.iter().map(|&at| [own[at], other[at]]).collect();
        let labels = ScatterLabels {
            title: &format!("Words of {} bases: {name} against real", page.word),
            x: "Held out, per 1,000",
            y: &format!("{name}, per 1,000"),
        };
        pictures.push(scatter_between(&points, &labels));
    }
    let caption = format!(
        "How often each word of {} bases occurs, of 1,000 words, among held-out sequences and in each set.",
        page.word
    );
    context.figure("panels", panels(pictures), Markup::text(caption))
}

/// Histograms of the share of G and C.
fn composition(page: &ScorePage<'_>, context: &mut Context) -> Markup {
    let histogram = |name: &str, set: &[&[Code]]| {
        let mut counts = vec![0; BINS];
        for share in set.iter().filter_map(|sequence| gc_share(sequence)) {
            counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        ClassHistogram { class: name.to_owned(), counts }
    };
    let mut classes = vec![histogram("held out", page.held)];
    classes.extend(page.sets.iter().filter(|(name, _)| *name != "real").map(|(name, set)| histogram(name, set)));
    let drawn = class_histograms(
        &ScoreHistograms { classes },
        "Share of G and C",
        ("Share of G and C", "Share of the set"),
        0.64,
    );
    context.figure("panels", panels(drawn), Markup::literal("The share of G and C of sequences, by set."))
}

/// Letters by position, as high as they are informative.
fn positions(page: &ScorePage<'_>, context: &mut Context) -> Markup {
    let Some((name, generated)) = page.sets.first().filter(|_| page.length <= DRAWN) else { return Markup::new() };
    let mut pictures = Markup::new();
    for (name, set) in [("held out", page.held), (name, generated.as_slice())] {
        let heights = information(set, page.length);
        let track = LetterTrack {
            title: format!("Letters by position, {name}"),
            heights: &heights,
            start: 0,
            highlights: &[],
            range: (0.0, 2.0),
            height: 118.0,
            alphabet: page.alphabet,
        };
        pictures.push(super::page::scroll(letter_track(&track)));
    }
    let caption = "Letters at each position as high as they are informative, in bits: held-out sequences above, generated ones below.";
    context.figure("wide", pictures, Markup::literal(caption))
}

/// Shares of letters at each position times the information of the position (Schneider and Stephens 1990).
fn information(set: &[&[Code]], length: usize) -> Vec<[f64; 4]> {
    let mut counts = vec![[0.0f64; 4]; length];
    for sequence in set {
        for (column, code) in counts.iter_mut().zip(sequence.iter()) {
            if let Some(count) = column.get_mut(usize::from(code.base())) {
                *count += 1.0;
            }
        }
    }
    let of_column = |column: [f64; 4]| {
        let total = column.iter().sum::<f64>().max(1.0);
        let shares = column.map(|count| count / total);
        let entropy: f64 = shares.iter().filter(|&&p| p > 0.0).map(|p| -p * p.log2()).sum();
        shares.map(|p| p * (2.0 - entropy))
    };
    counts.into_iter().map(of_column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use basewise_core::{CasePolicy, Encoding};

    fn codes(letters: &str) -> Vec<Code> {
        Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }.encode(letters.as_bytes()).unwrap()
    }

    #[test]
    fn information_is_two_bits_where_all_agree_and_none_where_letters_are_even() {
        let set = ["AA", "AC", "AG", "AT"].map(codes);
        let set: Vec<&[Code]> = set.iter().map(Vec::as_slice).collect();
        assert_eq!(information(&set, 2), [[2.0, 0.0, 0.0, 0.0], [0.0; 4]]);
        assert_eq!(information(&[], 1), [[0.0; 4]]);
    }

    #[test]
    fn pages_escape_names_and_hold_their_figures() {
        let history = [GenerativeEpoch {
            epoch: 1,
            train: 3.0,
            valid: 4.0,
            divergence: 0.1,
            diversity: 1.0,
            duplicates: 0.0,
            kl: None,
            used: None,
            penalty: None,
        }];
        let config = GenerativeConfig::new(GenerativeKind::Wgan);
        let page = TrainingPage {
            title: "<b>".into(),
            command: "basewise",
            config: &config,
            history: &history,
            best_epoch: 1,
            sequences: [5, 1],
            warnings: &["<alike>".to_owned()],
        };
        let html = render_training(&page);
        assert!(html.contains("&lt;b&gt;") && html.contains("&lt;alike&gt;") && html.contains("Figure 3."), "{html}");
        let real = codes("ACGTACGTAC");
        let held = [&real[..]];
        let row = Measured {
            set: "generated".into(),
            sequences: 1,
            word_divergence: vec![Some(0.1); 6],
            gc: Some(0.5),
            gc_distance: None,
            difference: None,
            duplicates: 0,
            hamming: Some(Near { smallest: 3, fifth_percentile: 3, median: 4 }),
            edit: None,
            auroc_words: Some(0.7),
            auroc_positions: None,
            spacing_divergence: None,
            motifs: Some(1.5),
            prediction: Some(Predicted { output: "donor".into(), mean: 0.9, median: 0.95 }),
        };
        let html = render_score(&ScorePage {
            title: "t".into(),
            command: "basewise",
            alphabet: Alphabet::Dna,
            length: 10,
            word: 6,
            rows: &[row],
            held: &held,
            sets: &[("generated", held.to_vec())],
            order: 3,
        });
        assert!(html.contains("least 3") && html.contains("1.50 motifs") && html.contains("predicted donor 0.900"));
        assert!(!html.contains("NaN"));
    }
}

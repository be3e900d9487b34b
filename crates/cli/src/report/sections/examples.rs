//! Which bases predictions rest on: averages over many examples, then a few examples one by one; the stretch that matters
//! most enlarged, the whole length beneath.

use crate::report::charts::{LetterTrack, letter_track, profile, stack_range};
use crate::report::data::{ExampleTrack, Explanation, Highlight, RunReport};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted};
use crate::report::page::{Context, missing, paragraph, shell_word};
use crate::report::sections::browser::browser;
use crate::report::sections::stretch::{Part, Stretch};
use basewise_core::Alphabet;

/// Height of the drawing a reader should look at first.
const TALL: f64 = 200.0;
/// Height of one example among others.
const MEDIUM: f64 = 124.0;
/// Height of a track that is there for completeness.
const LOW: f64 = 118.0;

/// The attributions of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let shown = run
        .explanation
        .as_ref()
        .filter(|e| !e.examples.is_empty() || !e.average_track.is_empty() || !e.importance_profile.is_empty());
    let Some(explanation) = shown else {
        let path = shell_word(&run.path, "RUN");
        let into =
            shell_word(&format!("{}/explain", if run.path.is_empty() { "RUN" } else { &run.path }), "RUN/explain");
        let command = format!("basewise explain {path} --method ism -o {into}");
        return context.section("examples", missing("No prediction has been explained yet.", &command, run));
    };
    let alphabet = super::alphabet(&run.data);
    let shared = "A base that all classes share at a position need not show: it tells nothing apart.";
    let mut body = paragraph(Markup::text(meaning(&explanation.method)).with_text(" ").with_text(shared));
    let stretch = Stretch::most_important(explanation);
    let close_up = stretch.map_or_else(Markup::new, |stretch| close_up(explanation, stretch, alphabet, context));
    let mark = stretch.filter(|_| close_up != Markup::new());
    body.push(close_up);
    body.push(averages(explanation, mark, alphabet, context));
    body.push(tracks(explanation, stretch, alphabet, context));
    body.push(browser(explanation, alphabet, context));
    context.section("examples", body)
}

/// What a letter's height says, by method.
fn meaning(method: &str) -> &'static str {
    match method {
        "ism" => {
            "In-silico mutagenesis: each base is replaced by each other base, and the change of the model's output is recorded. \
             Letters above the line are bases that raise the output; letters below, upside down, lower it."
        }
        "saliency" => {
            "Saliency: the gradient of the model's output at the base that is there. Letters above the line raise the output; \
             letters below, upside down, lower it."
        }
        "input-x-gradient" => {
            "Input times gradient: to first order, what each base adds to the model's output. Letters above the line raise \
             the output; letters below, upside down, lower it."
        }
        "deeplift" => {
            "DeepLIFT: what the base at this position adds to the model's output, compared with references. Letters above the \
             line raise the output; letters below, upside down, lower it."
        }
        _ => {
            "The height of a letter is what the base at this position adds to the model's output. Letters above the line raise \
             the output; letters below, upside down, lower it."
        }
    }
}

/// What the averages are taken over, in words.
fn group(explanation: &Explanation) -> String {
    let group = if explanation.group.is_empty() { "examples" } else { &explanation.group };
    format!("{} {group}", number::grouped(explanation.examples_explained))
}

/// The mean attributions of the stretch that matters most, large; nothing if there are none.
fn close_up(explanation: &Explanation, stretch: Stretch, alphabet: Alphabet, context: &mut Context) -> Markup {
    let (track, start) = (&explanation.average_track, explanation.start);
    let Some(part) = stretch.of(track, start, &explanation.highlights) else { return Markup::new() };
    let over = group(explanation);
    let drawing = letter_track(&LetterTrack {
        title: format!("Mean attribution of each base over {over}, positions {}", stretch.positions()),
        heights: part.heights,
        start: part.start,
        highlights: &part.highlights,
        range: stack_range([part.heights]),
        height: TALL,
        alphabet,
    });
    let mut caption = format!(
        "Mean attribution of each base over {over}, enlarged at positions {}: the {} of {} positions on which the \
         predictions rest most.",
        stretch.positions(),
        stretch.length(),
        number::grouped(track.len())
    );
    if start == -(track.len() as i64 / 2) {
        caption.push_str(" Position 0 is the middle of the window.");
    }
    context.figure("wide", scroll_to(0.5, drawing), Markup::text(caption))
}

/// Mean attribution and importance by position over the whole length, aligned.
fn averages(explanation: &Explanation, enlarged: Option<Stretch>, alphabet: Alphabet, context: &mut Context) -> Markup {
    let (track, importance, start) = (&explanation.average_track, &explanation.importance_profile, explanation.start);
    let over = group(explanation);
    let mut drawings = Markup::new();
    let mut caption = String::new();
    if !track.is_empty() {
        let mark = enlarged.and_then(|stretch| stretch.mark(start, "enlarged above"));
        let marks: Vec<Highlight> = match mark {
            Some(mark) if explanation.highlights.is_empty() => vec![mark],
            _ => explanation.highlights.clone(),
        };
        drawings.push(letter_track(&LetterTrack {
            title: format!("Mean attribution of each base over {over}"),
            heights: track,
            start,
            highlights: &marks,
            range: stack_range([&track[..]]),
            height: if enlarged.is_some() { LOW } else { TALL },
            alphabet,
        }));
        let length = if enlarged.is_some() { " along the whole window" } else { " by position" };
        caption.push_str(&format!("Mean attribution of each base{length}, over {over}."));
    }
    if !importance.is_empty() {
        let title = format!("Mean absolute attribution by position over {over}");
        let marks = if track.is_empty() { &explanation.highlights[..] } else { &[] };
        drawings.push(profile(importance, start, marks, &title));
        let lead = if caption.is_empty() { "The" } else { " Beneath it, the" };
        caption
            .push_str(&format!("{lead} mean absolute attribution: how much each position matters, whatever its sign."));
    }
    if caption.is_empty() {
        return Markup::new();
    }
    let zero = zero(start, track.len().max(importance.len()));
    let drawing = scroll_to(zero, tag("div").class("stack").add(drawings));
    context.figure("wide", drawing, Markup::text(caption))
}

/// Where position 0 lies in a track, as a share of its width.
fn zero(start: i64, positions: usize) -> f64 {
    (start.saturating_neg() as f64 / positions.max(1) as f64).clamp(0.0, 1.0)
}

/// A box that starts with this share of its content's width in its middle where it is narrower than its content.
fn scroll_to(share: f64, content: impl Into<Markup>) -> Markup {
    tag("div").class("scroll").attr("tabindex", 0).attr("data-middle", number::fixed(share, 3)).add(content).into()
}

/// The examples, on one scale: enlarged if the averages are, with the whole tracks folded beneath.
fn tracks(explanation: &Explanation, stretch: Option<Stretch>, alphabet: Alphabet, context: &mut Context) -> Markup {
    let examples = &explanation.examples;
    if examples.is_empty() {
        return Markup::new();
    }
    let whole = || tag("div").class("tracks").add_all(rows(examples, None, alphabet));
    let positions = |stretch: Stretch| format!(" at positions {}", stretch.positions());
    let body = match stretch {
        None => Markup::from(whole()),
        Some(_) => {
            let summary = format!("The whole length of {}", counted(examples.len(), "track", "tracks"));
            let folded = tag("details").add(tag("summary").text(summary)).add(whole());
            Markup::from(tag("div").class("tracks").add_all(rows(examples, stretch, alphabet))).with(folded)
        }
    };
    let output = if explanation.target.is_empty() {
        String::new()
    } else {
        format!(" for the output \u{201c}{}\u{201d}", explanation.target)
    };
    let caption = format!(
        "Attributions of {}{output}{}. Tracks share one scale, so that heights can be compared. Wide tracks scroll sideways.",
        counted(examples.len(), "example", "examples"),
        stretch.map(positions).unwrap_or_default()
    );
    context.figure("wide", body, Markup::text(caption))
}

/// One track an example: within the stretch where there is one and the example reaches over it, else whole.
fn rows(examples: &[ExampleTrack], stretch: Option<Stretch>, alphabet: Alphabet) -> Vec<Markup> {
    let shown: Vec<Part> = examples
        .iter()
        .map(|example| {
            let part = stretch.and_then(|s| s.of(&example.heights, example.start, &example.highlights));
            part.unwrap_or_else(|| Part::whole(&example.heights, example.start, &example.highlights))
        })
        .collect();
    let range = stack_range(shown.iter().map(|part| part.heights));
    let rows = examples.iter().zip(&shown).map(|(example, part)| {
        let drawing = letter_track(&LetterTrack {
            title: format!("Attributions of {}", example.id),
            heights: part.heights,
            start: part.start,
            highlights: &part.highlights,
            range,
            height: MEDIUM,
            alphabet,
        });
        let whole = part.heights.len() == example.heights.len();
        let middle = if whole { zero(part.start, part.heights.len()) } else { 0.5 };
        tag("div").class("track").add(facts(example)).add(scroll_to(middle, drawing)).into()
    });
    rows.collect()
}

/// Name, place, label and prediction of an example.
fn facts(example: &ExampleTrack) -> Markup {
    let mut facts = tag("p").class("track-head").add(tag("b").class("mono").text(&example.id));
    if let Some(place) = &example.place {
        facts = facts.text(" ").add(tag("span").class("mono").text(place));
    }
    facts = facts.text(" ").add(tag("span").text(format_args!("true label {}", example.label)));
    if let Some(value) = example.prediction.filter(|v| v.is_finite()) {
        facts = facts.text(" ").add(tag("span").text(format_args!("predicted {}", number::fixed(value, 3))));
    }
    facts.into()
}

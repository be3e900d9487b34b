//! Which bases predictions rest on: averages over many examples, then a few examples one by one.

use crate::report::charts::{LetterTrack, letter_track, profile, stack_range};
use crate::report::data::{ExampleTrack, Explanation, RunReport};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted};
use crate::report::page::{Context, missing, paragraph, shell_word};
use basewise_core::Alphabet;

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
    let mut body = paragraph(Markup::text(meaning(&explanation.method)));
    body.push(averages(explanation, alphabet, context));
    body.push(tracks(explanation, alphabet, context));
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
        _ => {
            "The height of a letter is what the base at this position adds to the model's output. Letters above the line raise \
             the output; letters below, upside down, lower it."
        }
    }
}

/// Mean attribution and importance by position, aligned.
fn averages(explanation: &Explanation, alphabet: Alphabet, context: &mut Context) -> Markup {
    let mut drawings = Markup::new();
    let mut caption = String::new();
    let group = if explanation.group.is_empty() { "examples".to_owned() } else { explanation.group.clone() };
    let over = format!("{} {group}", number::grouped(explanation.examples_explained));
    if !explanation.average_track.is_empty() {
        drawings.push(letter_track(&LetterTrack {
            title: format!("Mean attribution of each base over {over}"),
            heights: &explanation.average_track,
            start: explanation.start,
            highlights: &explanation.highlights,
            range: stack_range([&explanation.average_track[..]]),
            alphabet,
        }));
        caption.push_str(&format!("Mean attribution of each base by position, over {over}."));
    }
    if !explanation.importance_profile.is_empty() {
        let title = format!("Mean absolute attribution by position over {over}");
        let marks = if explanation.average_track.is_empty() { &explanation.highlights[..] } else { &[] };
        drawings.push(profile(&explanation.importance_profile, explanation.start, marks, &title));
        let lead = if caption.is_empty() { "The" } else { " Beneath it, the" };
        caption
            .push_str(&format!("{lead} mean absolute attribution: how much each position matters, whatever its sign."));
    }
    if caption.is_empty() {
        return Markup::new();
    }
    let box_of = scroll_to_zero(
        tag("div").class("stack").add(drawings),
        explanation.start,
        explanation.average_track.len().max(explanation.importance_profile.len()),
    );
    context.figure("wide", box_of, Markup::text(caption))
}

/// A box that starts with position 0 in its middle where it is narrower than its content.
fn scroll_to_zero(content: impl Into<Markup>, start: i64, positions: usize) -> Markup {
    let zero = (start.saturating_neg() as f64 / positions.max(1) as f64).clamp(0.0, 1.0);
    tag("div").class("scroll").attr("tabindex", 0).attr("data-middle", number::fixed(zero, 3)).add(content).into()
}

/// The examples, on one scale.
fn tracks(explanation: &Explanation, alphabet: Alphabet, context: &mut Context) -> Markup {
    if explanation.examples.is_empty() {
        return Markup::new();
    }
    let range = stack_range(explanation.examples.iter().map(|e| &e.heights[..]));
    let rows = explanation.examples.iter().map(|example| track(example, alphabet, range));
    let output =
        if explanation.target.is_empty() { String::new() } else { format!(" for the output {}", explanation.target) };
    let caption = format!(
        "Attributions of {}{output}. All tracks share one scale, so that heights can be compared. Wide tracks scroll sideways.",
        counted(explanation.examples.len(), "example", "examples")
    );
    context.figure("wide", tag("div").class("tracks").add_all(rows), Markup::text(caption))
}

fn track(example: &ExampleTrack, alphabet: Alphabet, range: (f64, f64)) -> Markup {
    let mut facts = tag("p").class("track-head").add(tag("b").class("mono").text(&example.id));
    if let Some(place) = &example.place {
        facts = facts.text(" ").add(tag("span").class("mono").text(place));
    }
    facts = facts.text(" ").add(tag("span").text(format_args!("true label {}", example.label)));
    if let Some(value) = example.prediction.filter(|v| v.is_finite()) {
        facts = facts.text(" ").add(tag("span").text(format_args!("predicted {}", number::fixed(value, 3))));
    }
    let drawing = letter_track(&LetterTrack {
        title: format!("Attributions of {}", example.id),
        heights: &example.heights,
        start: example.start,
        highlights: &example.highlights,
        range,
        alphabet,
    });
    tag("div").class("track").add(facts).add(scroll_to_zero(drawing, example.start, example.heights.len())).into()
}

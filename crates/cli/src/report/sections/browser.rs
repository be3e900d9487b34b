//! All explained examples in a box that scrolls: their numbers are in the page, and a few lines of script draw those that a
//! reader comes to, so that a page of thousands opens as fast as one of eight.

use crate::report::charts::base64;
use crate::report::data::{Explanation, WholeTrack};
use crate::report::markup::{Markup, tag};
use crate::report::number::counted;
use crate::report::page::Context;
use basewise_core::Alphabet;
use serde::Serialize;

/// Positions of all examples together that a page holds; each is some 2.4 bytes.
const MOST_POSITIONS: usize = 8_000_000;
/// Steps of a height on either side of 0, in parts of the example's largest.
const STEPS: f32 = 127.0;

/// What the script reads.
#[derive(Serialize)]
struct Tracks<'a> {
    /// Label of the first position.
    start: i64,
    /// The letter for T.
    letters: &'static str,
    /// The least and the largest height, and 0.
    range: [f32; 2],
    examples: Vec<Track<'a>>,
}

#[derive(Serialize)]
struct Track<'a> {
    id: &'a str,
    label: &'a str,
    place: &'a str,
    prediction: Option<f64>,
    bases: &'a str,
    /// The largest absolute height.
    largest: f32,
    /// A signed byte a position, in steps of `largest / 127`; base64.
    heights: String,
}

/// The box, unless the examples that are drawn in full are all there are.
pub(super) fn browser(explanation: &Explanation, alphabet: Alphabet, context: &mut Context) -> Markup {
    let all = &explanation.all;
    if all.len() <= explanation.examples.len() {
        return Markup::new();
    }
    let mut positions = 0;
    let fits = |track: &&WholeTrack| {
        positions += track.heights.len();
        positions <= MOST_POSITIONS
    };
    let held: Vec<&WholeTrack> = all.iter().take_while(fits).collect();
    let order = |value: &'static str, text: &'static str| tag("option").attr("value", value).text(text);
    let orders = [
        ("given", "as explained"),
        ("high", "highest prediction first"),
        ("low", "lowest prediction first"),
        ("largest", "largest attribution first"),
        ("name", "by name"),
    ];
    let controls = tag("p")
        .class("browser-controls")
        .add(
            tag("label")
                .text("Find ")
                .add(tag("input").attr("type", "search").attr("placeholder", "name, place or label")),
        )
        .add(tag("label").text("Order ").add(tag("select").add_all(orders.map(|(value, text)| order(value, text)))))
        .add(tag("output"));
    let list = tag("div")
        .class("browser-list")
        .attr("tabindex", 0)
        .add(tag("div").class("tracks"))
        .add(tag("button").attr("type", "button").text("Show more"));
    let data =
        tag("script").attr("type", "application/json").add(Markup::json(&tracks(&held, explanation.start, alphabet)));
    let body = tag("div").class("browser").add(controls).add(list).add(data);
    let left_out = match all.len() - held.len() {
        0 => String::new(),
        n => format!(" {n} more are in explain/attributions.npz and not in this page."),
    };
    let caption = format!(
        "Attributions of {}, each drawn when it is scrolled to, on one scale.{left_out}",
        counted(held.len(), "explained example", "explained examples")
    );
    let without = tag("noscript").add(tag("p").text("Without JavaScript this page shows the examples above only."));
    context.figure("wide", Markup::from(body).with(without), Markup::text(caption))
}

fn tracks<'a>(held: &[&'a WholeTrack], start: i64, alphabet: Alphabet) -> Tracks<'a> {
    let finite = || held.iter().flat_map(|track| &track.heights).copied().filter(|h| h.is_finite());
    let range = finite().fold([0.0_f32; 2], |[low, high], h| [low.min(h), high.max(h)]);
    let track = |track: &&'a WholeTrack| {
        let of = |h: f32| if h.is_finite() { h } else { 0.0 };
        let largest = track.heights.iter().map(|&h| of(h).abs()).fold(0.0, f32::max);
        let step = |&h: &f32| if largest > 0.0 { (of(h) / largest * STEPS).round() as i8 as u8 } else { 0 };
        Track {
            id: &track.id,
            label: &track.label,
            place: track.place.as_deref().unwrap_or_default(),
            prediction: track.prediction.filter(|p| p.is_finite()),
            bases: &track.bases,
            largest,
            heights: base64(&track.heights.iter().map(step).collect::<Vec<u8>>()),
        }
    };
    Tracks {
        start,
        letters: if alphabet == Alphabet::Rna { "ACGU" } else { "ACGT" },
        range,
        examples: held.iter().map(track).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(id: &str, heights: &[f32]) -> WholeTrack {
        WholeTrack {
            id: id.into(),
            bases: "ACGN"[..heights.len()].into(),
            heights: heights.into(),
            ..WholeTrack::default()
        }
    }

    #[test]
    fn heights_are_signed_bytes_of_the_largest_and_text_cannot_leave_the_script() {
        let explanation = Explanation {
            all: vec![whole("a</script><b>", &[1.0, -0.5, 0.0, f32::NAN]), whole("b", &[]), whole("c", &[0.0])],
            start: -2,
            ..Explanation::default()
        };
        let html = browser(&explanation, Alphabet::Dna, &mut Context::plain()).into_string();
        let json = html.split("application/json\">").nth(1).unwrap().split("</script>").next().unwrap();
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["examples"][0]["id"], "a</script><b>");
        // 127, -64 (of -63.5), 0, 0.
        assert_eq!(read["examples"][0]["heights"], base64(&[127, 192, 0, 0]));
        assert_eq!((read["range"][0].as_f64(), read["range"][1].as_f64()), (Some(-0.5), Some(1.0)));
        assert_eq!(
            (read["examples"][1]["heights"].as_str(), read["examples"][2]["largest"].as_f64()),
            (Some(""), Some(0.0))
        );
        assert!(html.contains("Attributions of 3 explained examples"), "{html}");
    }

    #[test]
    fn nothing_is_added_where_all_are_drawn_already() {
        let explanation = Explanation {
            all: vec![whole("a", &[1.0])],
            examples: vec![crate::report::data::ExampleTrack::default()],
            ..Explanation::default()
        };
        assert_eq!(browser(&explanation, Alphabet::Dna, &mut Context::plain()), Markup::new());
    }
}

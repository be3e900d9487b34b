//! Cells on a map, and silhouettes of clusters.

use super::frame::{Frame, Margins, circle, label, line, rect, svg, text_width};
use super::scale::{Ticks, extent};
use crate::report::markup::{Markup, tag};
use crate::report::number::coordinate;

/// A map of cells, coloured by groups.
pub(in crate::report) struct CellMap<'a> {
    /// For those who cannot see it.
    pub(in crate::report) title: &'a str,
    /// What stands above it, if anything.
    pub(in crate::report) heading: Option<&'a str>,
    /// Names of x and y.
    pub(in crate::report) axes: (&'a str, &'a str),
    /// Where each cell is.
    pub(in crate::report) points: &'a [[f64; 2]],
    /// Names of the groups.
    pub(in crate::report) groups: &'a [String],
    /// Group of each cell; none is grey.
    pub(in crate::report) codes: &'a [Option<u32>],
    /// Whether groups are steps from low to high, and not kinds.
    pub(in crate::report) is_scale: bool,
}

impl CellMap<'_> {
    /// The colour of a group: of kinds its own, of steps from a light grey to a dark blue.
    pub(super) fn colour(&self, group: usize) -> (f64, f64, f64) {
        if !self.is_scale {
            return colour(group);
        }
        let share = group as f64 / self.groups.len().saturating_sub(1).max(1) as f64;
        (260.0 - 40.0 * (1.0 - share), 8.0 + 72.0 * share, 86.0 - 58.0 * share)
    }

    fn css(&self, group: usize) -> String {
        css_of(self.colour(group))
    }
}

/// Groups that the key names.
const NAMED: usize = 24;
/// Dots beyond which a map is drawn as pixels: a dot's place in the file costs 20 bytes, a page of a million is none.
const RASTER: usize = 50_000;

/// The colour of a group: hues a golden angle apart, three lightnesses in turn, so that neighbours differ.
fn colour(group: usize) -> (f64, f64, f64) {
    let hue = (210.0 + 137.508 * group as f64) % 360.0;
    (hue, 62.0, [46.0, 58.0, 38.0][group % 3])
}

fn css(group: usize) -> String {
    css_of(colour(group))
}

fn css_of((hue, saturation, lightness): (f64, f64, f64)) -> String {
    format!("hsl({hue:.0} {saturation:.0}% {lightness:.0}%)")
}

/// Width of a map with its key, whatever its groups are called, so that all maps of a page have one scale.
const WIDTH: f64 = 400.0;
/// Room beside a map for names; longer ones stand below it.
const BESIDE: f64 = 70.0;
/// Height of a line of the key.
const LINE: f64 = 15.0;
/// Size of a name in the key, and what its dot takes before it.
const NAME: (f64, f64) = (10.5, 20.0);

/// Draws a map; names of groups stand beside it, or below it where one of them is long.
pub(in crate::report) fn cell_map(map: &CellMap<'_>) -> Markup {
    let finite = |point: &&[f64; 2]| point.iter().all(|value| value.is_finite());
    let span = |axis: usize| {
        let (low, high) = extent(map.points.iter().filter(finite).map(|point| point[axis])).unwrap_or((0.0, 1.0));
        let pad = 0.03 * (high - low).max(1e-9);
        (low - pad, high + pad)
    };
    let names = key_names(map.groups);
    let is_beside = names.iter().all(|name| text_width(name, NAME.0) <= BESIDE - NAME.1);
    let below = if is_beside { Vec::new() } else { rows(&names) };
    let lines = below.last().map_or(0.0, |place| place.1 / LINE + 1.0);
    let margins = Margins { left: 14.0, right: BESIDE, top: 20.0, bottom: 28.0 + LINE * lines };
    let frame = Frame::new(WIDTH, 350.0 + LINE * lines, margins, span(0), span(1));
    let (left, end) = frame.x.range;
    let (bottom, top) = frame.y.range;
    let mut content: Markup = rect(left, top, end - left, bottom - top).class("guide").attr("fill", "none").into();
    content.push(label((left + end) / 2.0, bottom + 18.0, map.axes.0).class("title middle"));
    content.push(label(left, top - 7.0, map.axes.1).class("title"));
    if let Some(heading) = map.heading {
        content.push(label((left + end) / 2.0, top - 7.0, shortened(heading)).class("title middle"));
    }
    content.push(if map.points.len() > RASTER { super::raster::dots(&frame, map) } else { dots(&frame, map) });
    for (group, name) in names.iter().enumerate() {
        let (x, y) = match below.get(group) {
            Some(&(x, y)) => (left + x, bottom + 36.0 + y),
            None => (end + 8.0, top + 8.0 + LINE * group as f64),
        };
        if group < map.groups.len().min(NAMED) {
            content.push(circle(x + 4.0, y - 3.6, 4.0).attr("fill", map.css(group)));
        }
        content.push(label(x + 12.0, y, name).class("tick"));
    }
    frame.svg(map.title, content)
}

/// What the key says: names, cut where they are wider than the picture, and how many more there are.
fn key_names(groups: &[String]) -> Vec<String> {
    let room = WIDTH - 14.0 - NAME.1;
    let cut = |name: &String| {
        if text_width(name, NAME.0) <= room {
            return name.clone();
        }
        let mut width = text_width("\u{2026}", NAME.0);
        let fits = name.chars().take_while(|letter| {
            width += text_width(letter.encode_utf8(&mut [0; 4]), NAME.0);
            width <= room
        });
        fits.chain(['\u{2026}']).collect()
    };
    let more = (groups.len() > NAMED).then(|| format!("and {} more", groups.len() - NAMED));
    groups.iter().take(NAMED).map(cut).chain(more).collect()
}

/// Where names stand below the map, from its lower left corner, as many in a line as fit.
fn rows(names: &[String]) -> Vec<(f64, f64)> {
    let (mut x, mut y) = (0.0, 0.0);
    let place = |name: &String| {
        let width = NAME.1 + text_width(name, NAME.0);
        if x > 0.0 && x + width > WIDTH - 14.0 {
            (x, y) = (0.0, y + LINE);
        }
        let own = (x, y);
        x += width + 4.0;
        own
    };
    names.iter().map(place).collect()
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= 22 { name.to_owned() } else { name.chars().take(20).chain("...".chars()).collect() }
}

/// One path a group, of strokes without length: a round cap makes each a dot, in a third of the bytes of a circle.
fn dots(frame: &Frame, map: &CellMap<'_>) -> Markup {
    let width = if map.points.len() > 5000 { 2.2 } else { 3.4 };
    let mut paths = vec![String::new(); map.groups.len() + 1];
    for (point, code) in map.points.iter().zip(map.codes) {
        if point.iter().all(|value| value.is_finite()) {
            let (x, y) = frame.at(point[0], point[1]);
            let at = code.map_or(map.groups.len(), |code| code as usize);
            if let Some(path) = paths.get_mut(at) {
                path.push_str(&format!("M{} {}h0", coordinate(x), coordinate(y)));
            }
        }
    }
    let path = |(group, path): (usize, String)| {
        let stroke = if group < map.groups.len() { map.css(group) } else { "#999".to_owned() };
        tag("path").attr("d", path).attr("stroke", stroke)
    };
    let all = paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty()).map(path);
    tag("g")
        .attr("fill", "none")
        .attr("stroke-linecap", "round")
        .attr("stroke-width", coordinate(width))
        .attr("stroke-opacity", "0.75")
        .add_all(all)
        .into()
}

/// Silhouettes of each cluster, falling.
pub(in crate::report) struct Silhouettes<'a> {
    /// A list a cluster.
    pub(in crate::report) clusters: &'a [Vec<f64>],
}

/// Draws silhouettes as one shape a cluster, below each other; `None` if there are none.
pub(in crate::report) fn silhouettes(data: &Silhouettes<'_>) -> Option<Markup> {
    let cells: usize = data.clusters.iter().map(Vec::len).sum();
    if cells == 0 {
        return None;
    }
    let (width, height) = (400.0, 270.0);
    let low = data.clusters.iter().flatten().copied().fold(0.0, f64::min);
    let low = (10.0 * low).floor() / 10.0;
    let margins = Margins { left: 34.0, right: 12.0, top: 20.0, bottom: 42.0 };
    let frame = Frame::new(width, height, margins, (low, 1.0), (0.0, 1.0));
    let (bottom, top) = frame.y.range;
    let gap = 2.0;
    let each = (bottom - top - gap * data.clusters.len() as f64).max(1.0) / cells as f64;
    let ticks = Ticks::nice(low, 1.0, 5);
    let mut content = Markup::new();
    for &value in &ticks.values {
        let x = frame.x.at(value);
        content.push(line(x, top, x, bottom).class("guide"));
        content.push(label(x, bottom + 16.0, ticks.label(value)).class("tick middle"));
    }
    content.push(label(width / 2.0, bottom + 34.0, "Silhouette").class("title middle"));
    content.push(label(0.0, top - 7.0, "Cluster").class("title"));
    let zero = frame.x.at(0.0);
    let mut y = top;
    for (cluster, values) in data.clusters.iter().enumerate() {
        let extent = each * values.len() as f64;
        // No eye sees more than two values a pixel.
        let step = (values.len() as f64 / (2.0 * extent).max(2.0)).ceil().max(1.0) as usize;
        let mut path = format!("M{} {}", coordinate(zero), coordinate(y));
        for (i, &value) in values.iter().enumerate().step_by(step) {
            let at = y + each * i as f64;
            let end = y + each * (i + step).min(values.len()) as f64;
            let x = coordinate(frame.x.at(value));
            path.push_str(&format!("L{x} {}L{x} {}", coordinate(at), coordinate(end)));
        }
        path.push_str(&format!("L{} {}Z", coordinate(zero), coordinate(y + extent)));
        content.push(tag("path").attr("d", path).attr("fill", css(cluster)));
        if extent > 9.0 {
            content.push(label(28.0, y + extent / 2.0 + 3.6, cluster).class("tick end"));
        }
        y += extent + gap;
    }
    content.push(line(zero, top, zero, bottom).class("axis"));
    Some(svg(width, height, "Silhouettes by cluster", content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(groups: &[&str]) -> String {
        let groups: Vec<String> = groups.iter().map(|&name| name.to_owned()).collect();
        let codes = [Some(0), None];
        let points = [[0.0, 0.0], [1.0, 1.0]];
        let (groups, codes, points) = (&groups[..], &codes[..], &points[..]);
        let map =
            CellMap { title: "t", heading: Some("label"), axes: ("1", "2"), points, groups, codes, is_scale: false };
        cell_map(&map).into_string()
    }

    #[test]
    fn names_are_whole_and_within_the_picture_and_maps_have_one_scale() {
        let size = |drawn: &str, name: &str| -> f64 {
            drawn.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
        };
        let long = "a name that goes on and on, ".repeat(9);
        for groups in [
            vec!["0", "1"],
            vec!["CD4+/CD45RA+/CD25- Naive T", "CD8+/CD45RA+ Naive Cytotoxic", "Dendritic"],
            vec![&long, "B"],
            vec!["12345"; 40],
            vec![],
        ] {
            let picture = drawn(&groups);
            assert_eq!(size(&picture, "width"), WIDTH);
            let mut seen = Vec::new();
            for part in picture.split("<text ").filter(|part| part.contains("class=\"tick\"")) {
                let [x, y] = [1, 3].map(|i| part.split('"').nth(i).unwrap().parse::<f64>().unwrap());
                let text = part.split(['>', '<']).nth(1).unwrap();
                assert!(x + text_width(text, NAME.0) <= WIDTH && y < size(&picture, "height"), "{text:?} at {x}, {y}");
                seen.push(text.to_owned());
            }
            assert_eq!(seen.len(), groups.len().min(NAMED + 1));
            if groups.len() == 3 {
                assert_eq!(seen, groups);
            }
        }
    }
}

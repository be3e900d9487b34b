//! Drawings of small trees, as text and as SVG.

mod svg;
mod text;

use super::{Tree, TreeEnsemble};

/// What a drawing shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawOptions {
    /// Questions on the way down that are drawn; what is below them is summed up. All if there is no limit.
    pub max_depth: Option<usize>,
    /// Whether questions say where a missing value goes, also those that met none in training.
    pub missing: bool,
    /// Names of classes, for trees with probabilities of more than two.
    pub classes: Vec<String>,
}

/// A tree and the words for it.
struct Drawing<'a> {
    tree: &'a Tree,
    names: &'a [String],
    options: &'a DrawOptions,
}

impl TreeEnsemble {
    /// A tree as lines of text, each question with its answers below; nothing if there is no such tree.
    #[must_use]
    pub fn draw_text(&self, tree: usize, options: &DrawOptions) -> String {
        self.drawing(tree, options).map_or_else(String::new, |drawing| text::draw(&drawing))
    }

    /// A tree as an SVG file: questions in boxes, leaves coloured by their value; nothing if there is no such tree.
    #[must_use]
    pub fn draw_svg(&self, tree: usize, options: &DrawOptions) -> String {
        self.drawing(tree, options).map_or_else(String::new, |drawing| svg::draw(&drawing))
    }

    fn drawing<'a>(&'a self, tree: usize, options: &'a DrawOptions) -> Option<Drawing<'a>> {
        self.trees().get(tree).map(|tree| Drawing { tree, names: self.features(), options })
    }
}

impl Drawing<'_> {
    /// The children of a node that is drawn with its question.
    fn children(&self, node: usize, depth: usize) -> Option<[usize; 2]> {
        let deep = self.options.max_depth.is_some_and(|most| depth >= most);
        self.tree.nodes()[node].children().filter(|_| !deep)
    }

    /// Leaves below a node.
    fn leaves_below(&self, node: usize) -> usize {
        let (mut leaves, mut open) = (0, vec![node]);
        while let Some(node) = open.pop() {
            match self.tree.nodes()[node].children() {
                Some(children) => open.extend(children),
                None => leaves += 1,
            }
        }
        leaves
    }

    /// Name of the feature that a node asks for and its threshold; missing values go right if nothing is said.
    fn question(&self, node: usize) -> (&str, String) {
        let node = &self.tree.nodes()[node];
        let name = self.names.get(node.feature as usize).map_or("", String::as_str);
        let rule = match (node.threshold == f32::MAX, node.missing_left && self.options.missing) {
            (true, _) => "is known".to_owned(),
            (false, true) => format!("≤ {} or missing", number(f64::from(node.threshold))),
            (false, false) => format!("≤ {}", number(f64::from(node.threshold))),
        };
        (name, rule)
    }

    /// What a node stands for: its value, or its most probable class with that probability.
    fn value(&self, node: usize) -> String {
        let values = self.tree.values(node);
        if let [value] = values {
            return number(*value);
        }
        let class = self.class(node);
        let name = self.options.classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        format!("{name}: {}", number(values[class]))
    }

    /// The class with the largest value, of equals the first.
    fn class(&self, node: usize) -> usize {
        let values = self.tree.values(node);
        (0..values.len()).fold(0, |best, class| if values[class] > values[best] { class } else { best })
    }

    /// `n = rows`, and for a node whose children are left out, how many leaves it has.
    fn size(&self, node: usize) -> String {
        let rows = self.tree.nodes()[node].rows;
        match self.tree.nodes()[node].is_leaf() {
            true => format!("n = {rows}"),
            false => format!("n = {rows}, {} leaves", self.leaves_below(node)),
        }
    }
}

/// Three digits, without zeros at the end.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    if !(-2..=6).contains(&digits) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.*}", digits.max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests;

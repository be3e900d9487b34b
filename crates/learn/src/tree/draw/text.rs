//! A tree as lines of text.

use super::Drawing;

/// A node that waits to be written.
struct Waiting {
    node: usize,
    depth: usize,
    /// What stands before its line, and before those below it.
    before: [String; 2],
}

pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let mut text = String::new();
    let mut waiting = vec![Waiting { node: 0, depth: 0, before: [String::new(), String::new()] }];
    while let Some(Waiting { node, depth, before: [first, below] }) = waiting.pop() {
        text.push_str(&first);
        match drawing.children(node, depth) {
            Some([left, right]) => {
                let (name, rule) = drawing.question(node);
                text.push_str(&format!("{name} {rule}?\n"));
                let depth = depth + 1;
                let no = [format!("{below}└─ no:  "), format!("{below}        ")];
                let yes = [format!("{below}├─ yes: "), format!("{below}│       ")];
                waiting.push(Waiting { node: right, depth, before: no });
                waiting.push(Waiting { node: left, depth, before: yes });
            }
            None => text.push_str(&format!("{}  ({})\n", drawing.value(node), drawing.size(node))),
        }
    }
    text
}

//! The stretch of a long track that is worth enlarging.

use crate::report::data::{Explanation, Highlight};
use crate::report::number;

/// Positions of an enlarged stretch.
const ENLARGED: usize = 40;
/// Tracks up to this length are large as they are.
const LEGIBLE: usize = 60;
/// How much of the greatest importance a stretch may give up to have what matters in its middle.
const KEPT: f64 = 0.95;

/// Some neighbouring positions, by their labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Label of the first position.
    start: i64,
    /// Number of positions.
    length: usize,
}

impl Stretch {
    /// The stretch that matters most in the averages; `None` if they are short enough to read whole, or nothing matters.
    pub(super) fn most_important(explanation: &Explanation) -> Option<Self> {
        let importance = importance(explanation);
        if importance.len() <= LEGIBLE {
            return None;
        }
        let first = heaviest(&importance, ENLARGED)?;
        Some(Self { start: explanation.start.saturating_add(first as i64), length: ENLARGED })
    }

    /// In words: `−20 to 19`.
    pub(super) fn positions(self) -> String {
        let last = self.start.saturating_add(self.length as i64).saturating_sub(1);
        format!("{} to {}", number::fixed(self.start as f64, 0), number::fixed(last as f64, 0))
    }

    /// Number of positions.
    pub(super) fn length(self) -> usize {
        self.length
    }

    /// The part of a track that lies within; `None` if the track does not reach over the whole stretch.
    pub(super) fn of<'a>(self, track: &'a [[f64; 4]], start: i64, highlights: &[Highlight]) -> Option<Part<'a>> {
        let first = usize::try_from(self.start.checked_sub(start)?).ok()?;
        let end = first.checked_add(self.length)?;
        let heights = track.get(first..end)?;
        let within = |mark: &Highlight| Highlight {
            start: mark.start.clamp(first, end) - first,
            end: mark.end.clamp(first, end) - first,
            label: mark.label.clone(),
        };
        let highlights = highlights.iter().map(within).filter(|mark| mark.end > mark.start).collect();
        Some(Part { heights, start: self.start, highlights })
    }

    /// A mark for this stretch on a track whose first position has the label `start`.
    pub(super) fn mark(self, start: i64, label: &str) -> Option<Highlight> {
        let first = usize::try_from(self.start.checked_sub(start)?).ok()?;
        Some(Highlight { start: first, end: first.checked_add(self.length)?, label: label.to_owned() })
    }
}

/// Some or all positions of a track.
pub(super) struct Part<'a> {
    /// Height of each base at each position.
    pub(super) heights: &'a [[f64; 4]],
    /// Label of the first position.
    pub(super) start: i64,
    /// Marks within, counted from the first position.
    pub(super) highlights: Vec<Highlight>,
}

impl<'a> Part<'a> {
    /// All positions.
    pub(super) fn whole(heights: &'a [[f64; 4]], start: i64, highlights: &[Highlight]) -> Self {
        Self { heights, start, highlights: highlights.to_vec() }
    }
}

/// How much each position matters: as given, else the sum of the mean attributions without their signs.
fn importance(explanation: &Explanation) -> Vec<f64> {
    if explanation.importance_profile.is_empty() {
        return explanation.average_track.iter().map(|column| column.iter().map(|h| h.abs()).sum()).collect();
    }
    explanation.importance_profile.clone()
}

/// First position of the window with nearly the greatest sum whose centre of mass is nearest to its middle.
fn heaviest(values: &[f64], length: usize) -> Option<usize> {
    let weight = |v: &f64| if v.is_finite() { v.max(0.0) } else { 0.0 };
    let sum = |window: &[f64]| window.iter().map(weight).sum::<f64>();
    let greatest = values.windows(length).map(sum).fold(0.0, f64::max);
    if greatest <= 0.0 || !greatest.is_finite() {
        return None;
    }
    let middle = (length - 1) as f64 / 2.0;
    let off_centre = |window: &[f64]| {
        let moment: f64 = window.iter().enumerate().map(|(i, v)| (i as f64 - middle) * weight(v)).sum();
        (moment / sum(window)).abs()
    };
    let heavy = values.windows(length).enumerate().filter(|(_, window)| sum(window) >= KEPT * greatest);
    heavy.min_by(|a, b| off_centre(a.1).total_cmp(&off_centre(b.1))).map(|(first, _)| first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(profile: Vec<f64>) -> Explanation {
        Explanation { start: -70, importance_profile: profile, ..Explanation::default() }
    }

    fn peak(length: usize, at: usize) -> Vec<f64> {
        (0..length).map(|i| if i == at { 3.0 } else { 0.001 }).collect()
    }

    #[test]
    fn what_matters_stands_in_the_middle_where_it_can() {
        assert_eq!(heaviest(&peak(140, 70), 41), Some(50));
        assert_eq!(heaviest(&peak(140, 0), 41), Some(0));
        assert_eq!(heaviest(&peak(140, 139), 41), Some(99));
        assert_eq!(heaviest(&peak(41, 3), 41), Some(0));
    }

    #[test]
    fn a_broad_rise_is_shown_whole_even_beside_a_quiet_side() {
        let values: Vec<f64> = (0..140).map(|i| if (30..70).contains(&i) { 1.0 } else { 0.0 }).collect();
        assert!(heaviest(&values, 40).is_some_and(|first| (28..=32).contains(&first)));
    }

    #[test]
    fn nothing_is_enlarged_where_nothing_matters_or_all_is_legible() {
        assert_eq!(Stretch::most_important(&explanation(Vec::new())), None);
        assert_eq!(Stretch::most_important(&explanation(vec![1.0; 60])), None);
        assert_eq!(Stretch::most_important(&explanation(vec![0.0; 140])), None);
        assert_eq!(Stretch::most_important(&explanation(vec![f64::NAN; 140])), None);
        assert!(Stretch::most_important(&explanation(vec![1.0; 61])).is_some());
        let track = Explanation { average_track: vec![[0.0, -1.0, 0.0, 0.0]; 61], ..Explanation::default() };
        assert!(Stretch::most_important(&track).is_some(), "the track stands in for a profile");
    }

    #[test]
    fn labels_carry_over_to_the_part() {
        let stretch = Stretch { start: -2, length: 3 };
        assert_eq!(stretch.positions(), "\u{2212}2 to 0");
        let track: Vec<[f64; 4]> = (0..5).map(|i| [f64::from(i), 0.0, 0.0, 0.0]).collect();
        let marks =
            [Highlight { start: 0, end: 3, label: "a".into() }, Highlight { start: 4, end: 9, label: "b".into() }];
        let part = stretch.of(&track, -4, &marks);
        assert_eq!(part.as_ref().map(|p| (p.heights[0][0], p.start)), Some((2.0, -2)));
        let expected =
            vec![Highlight { start: 0, end: 1, label: "a".into() }, Highlight { start: 2, end: 3, label: "b".into() }];
        assert_eq!(part.map(|p| p.highlights), Some(expected));
        assert!(stretch.of(&track, -1, &[]).is_none(), "starts too late");
        assert!(stretch.of(&track[..3], -4, &[]).is_none(), "ends too early");
        assert_eq!(stretch.mark(-4, "x"), Some(Highlight { start: 2, end: 5, label: "x".into() }));
    }
}

//! Figures as inline SVG: drawn in user units that equal CSS pixels at full size, coloured by classes that the page's
//! style sheet fills, so that they follow the theme and print well.

mod calibration;
mod confusion;
mod costs;
mod frame;
mod histogram;
mod intervals;
mod letters;
mod lines;
mod parallel;
mod rates;
mod scale;
mod scatter;

pub(super) use calibration::calibration;
pub(super) use confusion::confusion;
pub(super) use costs::{CostPoint, costs};
pub(super) use histogram::{score_histograms, spark};
pub(super) use intervals::{IntervalRow, intervals};
pub(super) use letters::{LetterTrack, glyphs, letter_track, logo, profile, small_track, stack_range};
pub(super) use lines::{LineChart, Series, line_chart};
pub(super) use parallel::{Axis, ParallelLine, Ticked, parallel};
pub(super) use rates::{RateLabels, has_bands, rate_chart};
pub(super) use scatter::scatter;

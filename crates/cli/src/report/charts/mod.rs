//! Figures as inline SVG: drawn in user units that equal CSS pixels at full size, coloured by classes that the page's
//! style sheet fills, so that they follow the theme and print well.

mod calibration;
mod cells;
mod confusion;
mod costs;
mod frame;
mod histogram;
mod intervals;
mod letters;
mod lines;
mod neighbourhood;
mod parallel;
mod raster;
mod rates;
mod scale;
mod scatter;

pub(super) use calibration::calibration;
pub(super) use cells::{CellMap, Silhouettes, cell_map, silhouettes};
pub(super) use confusion::confusion;
pub(super) use costs::{CostPoint, costs};
pub(super) use histogram::{class_histograms, score_histograms, spark};
pub(super) use intervals::{IntervalRow, intervals};
pub(super) use letters::{LetterTrack, glyphs, letter_track, logo, profile, small_track, stack_range};
pub(super) use lines::{LineChart, Series, line_chart};
pub(super) use neighbourhood::{GraphEdge, GraphNode, MOST_EDGES, class_colour, neighbourhood};
pub(super) use parallel::{Axis, ParallelLine, Ticked, parallel};
pub(super) use raster::base64;
pub(super) use rates::{RateLabels, has_bands, rate_chart};
pub(super) use scatter::{ScatterLabels, scatter, scatter_between};

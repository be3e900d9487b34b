//! Penalties on the size of weights, added to their gradients.

use super::{TrainConfig, TrainError};
use crate::network::{Plan, Spec};
use crate::suggest::hint;
use serde::{Deserialize, Serialize};

/// Penalties of one layer, in the place of those of all layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerPenalty {
    /// The layer's path, such as `1`, `3.2` (the second layer within the third) or `head`; layers within it follow it.
    pub layer: String,
    /// See [`TrainConfig::l1`].
    #[serde(default)]
    pub l1: f64,
    /// See [`TrainConfig::l2`].
    #[serde(default)]
    pub l2: f64,
}

/// The penalties of each parameter, as `(l1, l2)`; biases and batch norms have none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Penalties(Vec<(f32, f32)>);

impl Penalties {
    /// # Errors
    /// A penalty for a layer that the network does not have, or that has no weights.
    pub(super) fn new(config: &TrainConfig, plan: &Plan) -> Result<Self, TrainError> {
        let usual = (config.l1 as f32, config.l2 as f32);
        let mut all: Vec<(f32, f32)> =
            plan.parameters.iter().map(|spec| if is_weight(spec) { usual } else { (0.0, 0.0) }).collect();
        for penalty in &config.penalty {
            let mut is_there = false;
            for (spec, own) in plan.parameters.iter().zip(&mut all) {
                if is_weight(spec) && belongs(&spec.name, &penalty.layer) {
                    *own = (penalty.l1 as f32, penalty.l2 as f32);
                    is_there = true;
                }
            }
            if !is_there {
                return Err(TrainError::Config(no_such_layer(plan, &penalty.layer)));
            }
        }
        Ok(Self(all))
    }

    /// Adds the slope of `l1 |w| + l2 w^2` to the gradient of one parameter. That of `|w|` is 0 at 0.
    pub(super) fn add(&self, index: usize, weights: &[f32], gradient: &mut [f32]) {
        let (l1, l2) = self.0[index];
        if (l1, l2) == (0.0, 0.0) {
            return;
        }
        for (g, w) in gradient.iter_mut().zip(weights) {
            let sign = if *w == 0.0 { 0.0 } else { w.signum() };
            *g += l1 * sign + 2.0 * l2 * w;
        }
    }
}

/// Biases, scales and shifts are never made small.
fn is_weight(spec: &Spec) -> bool {
    spec.shape.len() > 1
}

/// The path of the layer that an array belongs to: `3.2` for `layer3.2.weight`.
fn path(array: &str) -> &str {
    let layer = array.rsplit_once('.').map_or(array, |(layer, _)| layer);
    layer.strip_prefix("layer").unwrap_or(layer)
}

/// Whether an array belongs to a layer or to one within it.
fn belongs(array: &str, layer: &str) -> bool {
    path(array).strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn no_such_layer(plan: &Plan, layer: &str) -> String {
    let mut paths: Vec<&str> = plan.parameters.iter().filter(|spec| is_weight(spec)).map(|s| path(&s.name)).collect();
    paths.dedup();
    let near = hint(&crate::suggest::nearest(layer, &paths));
    format!("penalty: expected a layer with weights ({}), found {layer:?}{near}", paths.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net;

    fn plan() -> Plan {
        let text = "[[layer]]\ntype='conv1d'\nfilters=2\nwidth=3\n[[layer]]\ntype='residual'\n[[layer.layer]]\n\
                    type='conv1d'\nfilters=2\nwidth=1\n[[layer]]\ntype='global-max-pool'";
        Plan::new(&net(text), 4, 8, 1).unwrap()
    }

    fn config(penalty: &[(&str, f64, f64)]) -> TrainConfig {
        let penalty = penalty.iter().map(|&(layer, l1, l2)| LayerPenalty { layer: layer.into(), l1, l2 }).collect();
        TrainConfig { l1: 0.5, l2: 0.25, penalty, ..TrainConfig::default() }
    }

    #[test]
    fn a_layer_s_own_penalty_replaces_that_of_all_and_biases_have_none() {
        let of = |config: &TrainConfig| Penalties::new(config, &plan()).unwrap().0;
        let (none, all) = ((0.0, 0.0), (0.5, 0.25));
        assert_eq!(of(&config(&[])), [all, none, all, none, all, none]);
        assert_eq!(of(&config(&[("1", 1.0, 0.0)])), [(1.0, 0.0), none, all, none, all, none]);
        assert_eq!(of(&config(&[("2", 0.0, 0.0), ("head", 0.0, 3.0)])), [all, none, none, none, (0.0, 3.0), none]);
        assert_eq!(of(&config(&[("2.1", 0.0, 2.0)]))[2], (0.0, 2.0));
    }

    #[test]
    fn a_layer_that_is_not_there_is_named_with_those_that_are() {
        for layer in ["3", "", "layer1"] {
            let error = Penalties::new(&config(&[(layer, 1.0, 0.0)]), &plan()).unwrap_err().to_string();
            assert!(error.contains("expected a layer with weights (1, 2.1, head)"), "{layer}: {error}");
        }
    }

    #[test]
    fn slopes_are_those_of_absolute_value_and_square() {
        let penalties = Penalties(vec![(0.5, 0.25)]);
        let weights = [2.0, -1.0, 0.0];
        let mut gradient = [1.0; 3];
        penalties.add(0, &weights, &mut gradient);
        assert_eq!(gradient, [1.0 + 0.5 + 1.0, 1.0 - 0.5 - 0.5, 1.0]);
        let value = |w: f64| 0.5 * w.abs() + 0.25 * w * w;
        for (w, g) in weights.iter().zip(gradient).take(2) {
            let (w, h) = (f64::from(*w), 1e-6);
            assert!(((value(w + h) - value(w - h)) / (2.0 * h) - f64::from(g - 1.0)).abs() < 1e-6);
        }
    }
}

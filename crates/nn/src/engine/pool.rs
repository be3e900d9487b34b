//! Engines that wait for their next use, so that their memory is used again.

use super::Engine;
use crate::network::Plan;
use std::sync::{Mutex, PoisonError};

/// The engines of a plan. Part of no comparison, and a copy begins empty.
#[derive(Debug, Default)]
pub(crate) struct Engines(Mutex<Vec<Engine>>);

impl Engines {
    /// Calls `work` with an engine of this plan that nobody else uses meanwhile.
    pub(crate) fn with<T>(&self, plan: &Plan, work: impl FnOnce(&mut Engine) -> T) -> T {
        let waiting = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = waiting().pop();
        let mut engine = engine.unwrap_or_else(|| Engine::new(plan));
        let result = work(&mut engine);
        waiting().push(engine);
        result
    }
}

impl Clone for Engines {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Engines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

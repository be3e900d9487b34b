//! Engines that wait for their next use, so that their memory is used again.

use super::Engine;
use super::prepared::Prepared;
use crate::network::Plan;
use std::sync::{Arc, Mutex, PoisonError};

/// The engines of a plan, weights that they share, and arrays for gradients of its parameters. Part of no comparison, and a copy begins empty.
#[derive(Debug, Default)]
pub(crate) struct Engines {
    waiting: Mutex<Vec<Engine>>,
    prepared: Arc<Prepared>,
    gradients: Mutex<Vec<Vec<Vec<f32>>>>,
}

impl Engines {
    /// Calls `work` with an engine of this plan that nobody else uses meanwhile.
    pub(crate) fn with<T>(&self, plan: &Plan, work: impl FnOnce(&mut Engine) -> T) -> T {
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = waiting().pop();
        let mut engine = engine.unwrap_or_else(|| Engine::sharing(plan, self.prepared.clone()));
        let result = work(&mut engine);
        waiting().push(engine);
        result
    }

    /// Arrays that were given back, with what they held, or none.
    pub(crate) fn gradients(&self) -> Vec<Vec<f32>> {
        self.gradients.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a step's gradients back for the next step, which then touches no fresh memory.
    pub(crate) fn give_gradients(&self, gradients: Vec<Vec<f32>>) {
        let mut waiting = self.gradients.lock().unwrap_or_else(PoisonError::into_inner);
        // A sum over batches has two in use; a pass on another device takes none.
        if waiting.len() < 2 {
            waiting.push(gradients);
        }
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

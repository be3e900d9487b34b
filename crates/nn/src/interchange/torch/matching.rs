//! Which module of a state dict belongs to which layer.

use super::modules::Module;
use super::rules::{Part, parts};
use super::{ImportError, StateArray};
use crate::interchange::named;
use crate::network::{Plan, Step};
use crate::suggest::{hint, nearest};
use std::collections::BTreeMap;
use std::fmt;

/// A layer and what its numbers came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Such as `layer1 (conv1d 16 x 9)`.
    pub layer: String,
    /// The module, or the arrays where a map named them one by one.
    pub module: String,
    /// Whether another unused module had the same shapes, and only the order of names in a file without an order chose.
    pub uncertain: bool,
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.layer, self.module)
    }
}

/// A layer with numbers of its own, and the array of the file for each part.
#[derive(Debug)]
pub(super) struct Assignment<'a> {
    pub(super) step: &'a Step,
    /// Each part with its place among the file's arrays; `None` takes the value of a module without it.
    pub(super) parts: Vec<(Part, Option<usize>)>,
    pub(super) matched: Match,
}

/// What is known while layers look for their modules.
pub(super) struct Matcher<'a> {
    plan: &'a Plan,
    arrays: &'a [StateArray],
    modules: Vec<Module>,
    used: Vec<bool>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(plan: &'a Plan, arrays: &'a [StateArray]) -> Self {
        let modules = super::modules::modules(arrays);
        Self { plan, arrays, used: vec![false; modules.len()], modules }
    }

    /// Every layer with its arrays: first those of the map, then the others in order, each with the first unused module
    /// that fits. Anything left over on either side is an error.
    pub(super) fn assign(
        mut self,
        map: &BTreeMap<String, String>,
        in_order: bool,
    ) -> Result<Vec<Assignment<'a>>, ImportError> {
        let mut layers = Vec::new();
        for step in self.plan.steps_deep() {
            let parts = parts(step)?;
            if !parts.is_empty() {
                layers.push((step, parts));
            }
        }
        self.check_map(map, &layers)?;
        let mut found: Vec<Option<Assignment>> = Vec::new();
        for (step, parts) in &layers {
            found.push(self.mapped(step, parts, map)?);
        }
        let mut missing = Vec::new();
        for ((step, parts), found) in layers.iter().zip(&mut found) {
            if found.is_none() {
                *found = self.next(step, parts, in_order);
            }
            if found.is_none() {
                missing.push(self.wanted(step, parts));
            }
        }
        let left: Vec<String> = (self.modules.iter().zip(&self.used))
            .filter(|(_, used)| !**used)
            .map(|(module, _)| module.describe(self.arrays))
            .collect();
        if missing.is_empty() && left.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        Err(ImportError::Unmatched { layers: missing, modules: left })
    }

    /// Whether the left sides of the map are layers, or arrays of layers.
    fn check_map(&self, map: &BTreeMap<String, String>, layers: &[(&Step, Vec<Part>)]) -> Result<(), ImportError> {
        let mut known: Vec<String> = layers.iter().map(|(step, _)| step.name.clone()).collect();
        known.extend(layers.iter().flat_map(|(step, parts)| parts.iter().map(|part| leaf_name(step, part))));
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        match map.keys().find(|key| !known.contains(key)) {
            None => Ok(()),
            Some(key) => {
                let all: Vec<&str> = layers.iter().map(|(step, _)| step.name.as_str()).collect();
                Err(ImportError::Map(format!(
                    "expected a layer with weights on the left, found {key:?}{}; they are {}",
                    hint(&nearest(key, &names)),
                    all.join(", ")
                )))
            }
        }
    }

    /// What the map says of a layer: nothing, a module, or an array for each part.
    fn mapped<'s>(
        &mut self,
        step: &'s Step,
        parts: &[Part],
        map: &BTreeMap<String, String>,
    ) -> Result<Option<Assignment<'s>>, ImportError> {
        if let Some(name) = map.get(&step.name) {
            let Some(i) = self.modules.iter().position(|module| module.name == *name) else {
                let names: Vec<&str> = self.modules.iter().map(|module| module.name.as_str()).collect();
                let near = hint(&nearest(name, &names));
                let all = names.join(", ");
                return Err(ImportError::Map(format!("the file has no module {name:?}{near}; it has {all}")));
            };
            let places = self.fit(&self.modules[i], parts).ok_or_else(|| {
                let found = self.modules[i].describe(self.arrays);
                ImportError::Map(format!("expected {}, found {found}", self.wanted(step, parts)))
            })?;
            self.used[i] = true;
            return Ok(Some(assignment(step, parts, places, name.clone(), false)));
        }
        if !parts.iter().any(|part| map.contains_key(&leaf_name(step, part))) {
            return Ok(None);
        }
        let places = parts.iter().map(|part| self.mapped_part(step, part, map)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = places.iter().flatten().map(|&i| self.arrays[i].name.as_str()).collect();
        Ok(Some(assignment(step, parts, places.clone(), names.join(" + "), false)))
    }

    /// The array that the map names for a part, which is taken out of its module.
    fn mapped_part(
        &mut self,
        step: &Step,
        part: &Part,
        map: &BTreeMap<String, String>,
    ) -> Result<Option<usize>, ImportError> {
        let ours = leaf_name(step, part);
        let Some(name) = map.get(&ours) else {
            return match part.absent {
                Some(_) => Ok(None),
                None => Err(ImportError::Map(format!("expected {ours} too, as other arrays of its layer are named"))),
            };
        };
        let Some(i) = self.arrays.iter().position(|array| array.name == *name) else {
            let names: Vec<&str> = self.arrays.iter().map(|array| array.name.as_str()).collect();
            let near = hint(&nearest(name, &names));
            return Err(ImportError::Map(format!("{ours}: the file has no array {name:?}{near}")));
        };
        let (want, found) = (part.shape(self.plan), &self.arrays[i].shape);
        if !same_shape(found, &want) {
            return Err(ImportError::Map(format!("{ours}: expected {want:?}, found {name} {found:?}")));
        }
        for (module, used) in self.modules.iter_mut().zip(&mut self.used) {
            module.leaves.retain(|(_, array)| *array != i);
            *used |= module.leaves.is_empty();
        }
        Ok(Some(i))
    }

    /// The first unused module that fits.
    fn next<'s>(&mut self, step: &'s Step, parts: &[Part], in_order: bool) -> Option<Assignment<'s>> {
        let fitting: Vec<usize> =
            (0..self.modules.len()).filter(|&i| !self.used[i] && self.fit(&self.modules[i], parts).is_some()).collect();
        let &first = fitting.first()?;
        let places = self.fit(&self.modules[first], parts)?;
        let name = self.modules[first].name.clone();
        // Names that differ in their numbers alone say their order.
        let uncertain = !in_order && fitting.iter().any(|&i| pattern(&self.modules[i].name) != pattern(&name));
        self.used[first] = true;
        Some(assignment(step, parts, places, name, uncertain))
    }

    /// The array for each part, if the module has all that a layer needs, in its shapes, and nothing else.
    fn fit(&self, module: &Module, parts: &[Part]) -> Option<Vec<Option<usize>>> {
        let places = parts.iter().map(|part| match module.leaf(&part.leaf) {
            Some(i) => same_shape(&self.arrays[i].shape, &part.shape(self.plan)).then_some(Some(i)),
            None => part.absent.map(|_| None),
        });
        let places: Vec<Option<usize>> = places.collect::<Option<_>>()?;
        (places.iter().flatten().count() == module.leaves.len()).then_some(places)
    }

    /// `layer1 (conv1d 8 x 9): weight [8, 4, 9], bias [8]`.
    fn wanted(&self, step: &Step, parts: &[Part]) -> String {
        let parts = parts.iter().map(|part| format!("{} {:?}", part.leaf, part.shape(self.plan)));
        format!("{}: {}", named(step), parts.collect::<Vec<_>>().join(", "))
    }
}

fn assignment<'s>(
    step: &'s Step,
    parts: &[Part],
    places: Vec<Option<usize>>,
    module: String,
    uncertain: bool,
) -> Assignment<'s> {
    let layer = named(step);
    Assignment { step, parts: parts.iter().cloned().zip(places).collect(), matched: Match { layer, module, uncertain } }
}

/// The name of a part in our exports.
pub(super) fn leaf_name(step: &Step, part: &Part) -> String {
    format!("{}.{}", step.name, part.leaf)
}

/// Whether an array has a shape, or has it with one more dimension of size 1: `Conv2d` with filters of one row keeps
/// `[out, in, 1, width]` or, over an image of bases, `[out, 1, 4, width]`.
fn same_shape(found: &[usize], want: &[usize]) -> bool {
    let without = |i: usize| [&found[..i], &found[i + 1..]].concat();
    found == want || found.len() == 4 && want.len() == 3 && (0..4).any(|i| found[i] == 1 && without(i) == want)
}

/// A name with its numbers taken out.
fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        match c.is_ascii_digit() {
            true if pattern.ends_with('#') => {}
            true => pattern.push('#'),
            false => pattern.push(c),
        }
    }
    pattern
}

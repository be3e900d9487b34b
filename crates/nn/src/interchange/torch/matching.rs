//! Which module of a state dict belongs to which layer.

use super::modules::Group;
use super::rules::{Attention, Module, Part, modules};
use super::{ImportError, StateArray};
use crate::network::{Plan, Step};
use crate::suggest::{hint, nearest};
use std::collections::{BTreeMap, BTreeSet};
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

/// A module of a layer, and the array of the file for each of its parts.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) module: Module,
    /// Place of each part among the file's arrays; `None` takes the value of a module without it.
    pub(super) places: Vec<Option<usize>>,
    pub(super) matched: Match,
}

/// A module that looks for its arrays.
struct Wanted<'a> {
    step: &'a Step,
    module: Module,
}

impl Wanted<'_> {
    /// Such as `layer1 (conv1d 16 x 9)`.
    fn label(&self) -> String {
        format!("{} ({})", self.module.name, self.step.layer.label())
    }
}

/// What is known while layers look for their modules.
pub(super) struct Matcher<'a> {
    plan: &'a Plan,
    arrays: &'a [StateArray],
    groups: Vec<Group>,
    used: Vec<bool>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(plan: &'a Plan, arrays: &'a [StateArray]) -> Self {
        let groups = super::modules::groups(arrays);
        Self { plan, arrays, used: vec![false; groups.len()], groups }
    }

    /// The modules that the network's layers have, in order.
    fn wanted(&self) -> Vec<Wanted<'a>> {
        let multihead = self.groups.iter().any(|group| group.leaf("in_proj_weight").is_some());
        let attention = if multihead { Attention::Multihead } else { Attention::Linears };
        let of_step = |step: &'a Step| modules(step, attention).into_iter().map(move |module| Wanted { step, module });
        self.plan.steps_deep().flat_map(of_step).collect()
    }

    /// Every layer with its arrays: first those of the map, then the others in order, each with the first unused module
    /// that fits; all by name if the file is one of our exports. Anything left over on either side is an error.
    pub(super) fn assign(
        mut self,
        map: &BTreeMap<String, String>,
        in_order: bool,
    ) -> Result<Vec<Assignment>, ImportError> {
        let wanted = self.wanted();
        self.check_map(map, &wanted)?;
        if map.is_empty()
            && let Some(found) = self.by_name(&wanted)
        {
            return Ok(found);
        }
        let mut found = Vec::new();
        for wanted in &wanted {
            found.push(self.mapped(wanted, map)?);
        }
        let mut missing = Vec::new();
        for (wanted, found) in wanted.iter().zip(&mut found) {
            if found.is_none() {
                *found = self.next(wanted, in_order);
            }
            if found.is_none() {
                missing.push(self.shapes(wanted));
            }
        }
        let left: Vec<String> = (self.groups.iter().zip(&self.used))
            .filter(|(_, used)| !**used)
            .map(|(group, _)| group.describe(self.arrays))
            .collect();
        if missing.is_empty() && left.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        Err(ImportError::Unmatched { layers: missing, modules: left })
    }

    /// The modules of a file that has exactly our names: which ones are alike in shape does not matter there.
    fn by_name(&self, wanted: &[Wanted]) -> Option<Vec<Assignment>> {
        let of = |wanted: &Wanted| {
            let group = self.groups.iter().find(|group| group.name == wanted.module.name)?;
            let places = self.fit(group, &wanted.module.parts)?;
            Some(assignment(wanted, places, group.name.clone(), false))
        };
        (wanted.len() == self.groups.len()).then(|| wanted.iter().map(of).collect())?
    }

    /// Whether the left sides of the map are layers, or arrays of layers.
    fn check_map(&self, map: &BTreeMap<String, String>, wanted: &[Wanted]) -> Result<(), ImportError> {
        let mut known: Vec<String> = wanted.iter().map(|wanted| wanted.module.name.clone()).collect();
        let leaves = |module: &Module| module.parts.iter().map(|part| leaf_name(module, part)).collect::<Vec<_>>();
        known.extend(wanted.iter().flat_map(|wanted| leaves(&wanted.module)));
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        match map.keys().find(|key| !known.contains(key)) {
            None => Ok(()),
            Some(key) => Err(ImportError::Map(format!(
                "expected a layer with weights on the left, found {key:?}{}; they are {}",
                hint(&nearest(key, &names)),
                names[..wanted.len()].join(", ")
            ))),
        }
    }

    /// What the map says of a module: nothing, a module of the file, or an array for each part.
    fn mapped(&mut self, wanted: &Wanted, map: &BTreeMap<String, String>) -> Result<Option<Assignment>, ImportError> {
        let Module { name: ours, parts } = &wanted.module;
        if let Some(name) = map.get(ours) {
            let Some(i) = self.groups.iter().position(|group| group.name == *name) else {
                let names: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
                let near = hint(&nearest(name, &names));
                let all = names.join(", ");
                return Err(ImportError::Map(format!("the file has no module {name:?}{near}; it has {all}")));
            };
            let places = self.fit(&self.groups[i], parts).ok_or_else(|| {
                let found = self.groups[i].describe(self.arrays);
                ImportError::Map(format!("expected {}, found {found}", self.shapes(wanted)))
            })?;
            self.used[i] = true;
            return Ok(Some(assignment(wanted, places, name.clone(), false)));
        }
        if !parts.iter().any(|part| map.contains_key(&leaf_name(&wanted.module, part))) {
            return Ok(None);
        }
        let places: Vec<Option<usize>> =
            parts.iter().map(|part| self.mapped_part(&wanted.module, part, map)).collect::<Result<_, _>>()?;
        let names: Vec<&str> = places.iter().flatten().map(|&i| self.arrays[i].name.as_str()).collect();
        let names = names.join(" + ");
        Ok(Some(assignment(wanted, places, names, false)))
    }

    /// The array that the map names for a part, which is taken out of its module.
    fn mapped_part(
        &mut self,
        module: &Module,
        part: &Part,
        map: &BTreeMap<String, String>,
    ) -> Result<Option<usize>, ImportError> {
        let ours = leaf_name(module, part);
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
        for (group, used) in self.groups.iter_mut().zip(&mut self.used) {
            group.leaves.retain(|(_, array)| *array != i);
            *used |= group.leaves.is_empty();
        }
        Ok(Some(i))
    }

    /// The first unused module that fits.
    fn next(&mut self, wanted: &Wanted, in_order: bool) -> Option<Assignment> {
        let parts = &wanted.module.parts;
        let fitting: Vec<usize> =
            (0..self.groups.len()).filter(|&i| !self.used[i] && self.fit(&self.groups[i], parts).is_some()).collect();
        let &first = fitting.first()?;
        let places = self.fit(&self.groups[first], parts)?;
        let name = self.groups[first].name.clone();
        // Names that differ in their numbers alone say their order.
        let uncertain = !in_order && fitting.iter().any(|&i| pattern(&self.groups[i].name) != pattern(&name));
        self.used[first] = true;
        Some(assignment(wanted, places, name, uncertain))
    }

    /// The array for each part, if the module has all that a layer needs, in its shapes, and nothing else.
    fn fit(&self, group: &Group, parts: &[Part]) -> Option<Vec<Option<usize>>> {
        let places = parts.iter().map(|part| match group.leaf(&part.leaf) {
            Some(i) => same_shape(&self.arrays[i].shape, &part.shape(self.plan)).then_some(Some(i)),
            None => part.absent.map(|_| None),
        });
        let places: Vec<Option<usize>> = places.collect::<Option<_>>()?;
        let read: BTreeSet<usize> = places.iter().copied().flatten().collect();
        (read.len() == group.leaves.len()).then_some(places)
    }

    /// `layer1 (conv1d 8 x 9): weight [8, 4, 9], bias [8]`.
    fn shapes(&self, wanted: &Wanted) -> String {
        let mut parts: Vec<String> =
            (wanted.module.parts.iter()).map(|part| format!("{} {:?}", part.leaf, part.shape(self.plan))).collect();
        parts.dedup();
        format!("{}: {}", wanted.label(), parts.join(", "))
    }
}

fn assignment(wanted: &Wanted, places: Vec<Option<usize>>, module: String, uncertain: bool) -> Assignment {
    let matched = Match { layer: wanted.label(), module, uncertain };
    Assignment { module: wanted.module.clone(), places, matched }
}

/// The name of a part in our exports.
pub(super) fn leaf_name(module: &Module, part: &Part) -> String {
    format!("{}.{}", module.name, part.leaf)
}

/// Whether an array has a shape, or has it with one more dimension of size 1: `Conv2d` with filters of one row keeps
/// `[out, in, 1, width]` or, over an image of bases, `[out, 1, 4, width]`. Filters of one position are what a `Linear`
/// does at each, so that their last dimensions may be missing on either side.
fn same_shape(found: &[usize], want: &[usize]) -> bool {
    let without = |i: usize| [&found[..i], &found[i + 1..]].concat();
    matrix(found) == matrix(want)
        || found.len() == 4 && want.len() == 3 && (0..4).any(|i| found[i] == 1 && without(i) == want)
}

/// A shape without dimensions of size 1 after the second.
fn matrix(shape: &[usize]) -> &[usize] {
    let end = shape.iter().rposition(|&side| side != 1).map_or(0, |last| last + 1);
    &shape[..end.max(2).min(shape.len())]
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

//! The archive that `torch.save` writes: a zip file with a pickle and one member for each storage.

use super::pickle::{Tensor, Unpickled, Value, read};
use super::tensor::{Type, gather};
use super::{MAX_BYTES, NamedArray, SAVE_WEIGHTS, StateDict, Wrong};
use crate::zip::{self, Member};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Keys under which training programs keep the weights beside other things, the usual ones first.
const USUAL: [&str; 7] = ["state_dict", "model_state_dict", "model", "net", "network", "module", "weights"];

/// Arrays that the numbers of one storage may be part of, on average.
const SHARING: usize = 4;

/// Dictionaries within the file's dictionary that are looked at.
const MAX_INNER: usize = 64;

/// An archive may always unpack to so many bytes, a larger one to eight times its own: weights hardly shrink.
const MIN_CONTENT: u64 = 256 << 20;

pub(super) fn parse(bytes: &[u8]) -> Result<StateDict, Wrong> {
    let archive = Archive::open(bytes)?;
    let pickle = read(&archive.member("data.pkl")?)?;
    let (tensors, key) = tensors(&pickle)?;
    let mut dict = StateDict { in_order: true, ..StateDict::default() };
    if let Some(key) = key {
        dict.notes.push(format!("the weights are those of its entry {key:?}"));
    }
    let mut storages = Storages { archive: &archive, held: BTreeMap::new(), room: 0 };
    let mut types = Vec::new();
    for (name, tensor) in tensors {
        if matches!(tensor.storage.of, Type::Whole(_)) {
            dict.integers.push(name.to_owned());
            continue;
        }
        let values = storages
            .values(tensor)
            .map_err(|wrong| Wrong { message: format!("array {name:?}: {}", wrong.message), ..wrong })?;
        types.push(tensor.storage.of);
        dict.arrays.push(NamedArray { name: name.to_owned(), shape: tensor.shape.clone(), values });
    }
    dict.note_types(&types);
    Ok(dict)
}

/// The numbers of an archive, each storage read once.
struct Storages<'a> {
    archive: &'a Archive<'a>,
    held: BTreeMap<&'a str, Cow<'a, [u8]>>,
    /// Numbers that arrays may still have: they may share a storage, but not so often that a small file fills the
    /// memory.
    room: usize,
}

impl<'a> Storages<'a> {
    fn values(&mut self, tensor: &'a Tensor) -> Result<Vec<f32>, Wrong> {
        let (of, key) = (tensor.storage.of, tensor.storage.key.as_str());
        if !self.held.contains_key(key) {
            let content = self.archive.member(&format!("data/{key}"))?;
            self.room += SHARING * (content.len() / of.size());
            self.held.insert(key, content);
        }
        let storage = self.held.get(key).ok_or_else(Wrong::truncated)?;
        if tensor.storage.count.checked_mul(of.size()) != Some(storage.len()) {
            let (want, of, found) = (tensor.storage.count, of.name(), storage.len());
            return Err(Wrong::new(format!("expected {want} numbers of {of}, found {found} bytes")));
        }
        let size = tensor.shape.iter().fold(1usize, |product, &side| product.saturating_mul(side));
        let larger = || Wrong::new("expected arrays about as large as the file, found larger ones");
        self.room = self.room.checked_sub(size).ok_or_else(larger)?;
        gather(storage, of, tensor.offset, &tensor.shape, &tensor.strides)
    }
}

struct Archive<'a> {
    bytes: &'a [u8],
    members: BTreeMap<String, Member>,
    /// What the names of all members begin with, such as `archive/`.
    prefix: String,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Wrong> {
        let members = zip::members(bytes).map_err(|_| Wrong::truncated())?;
        let content = members.iter().fold(0u64, |sum, member| sum.saturating_add(member.size));
        let most = (8 * bytes.len() as u64).clamp(MIN_CONTENT, MAX_BYTES);
        if content > most {
            return Err(Wrong::new(format!("expected at most {most} bytes of weights, found {content}")));
        }
        let found = members.iter().find_map(|member| member.name.strip_suffix("data.pkl"));
        let prefix = match found.filter(|prefix| prefix.is_empty() || prefix.ends_with('/')) {
            Some(prefix) => prefix.to_owned(),
            None => {
                let message = "expected an archive that torch.save wrote, found one without data.pkl";
                return Err(Wrong::with_hint(message, SAVE_WEIGHTS));
            }
        };
        let members: BTreeMap<String, Member> =
            members.into_iter().map(|member| (member.name.clone(), member)).collect();
        let archive = Self { bytes, members, prefix };
        if archive.members.keys().any(|name| name.starts_with(&format!("{}code/", archive.prefix))) {
            return Err(Wrong::with_hint("expected a state dict, found a compiled TorchScript program", SAVE_WEIGHTS));
        }
        if archive.members.contains_key(&format!("{}byteorder", archive.prefix))
            && *archive.member("byteorder")? != *b"little"
        {
            return Err(Wrong::with_hint(
                "expected little-endian numbers, found big-endian ones",
                "save it again on an ordinary machine",
            ));
        }
        Ok(archive)
    }

    fn member(&self, name: &str) -> Result<Cow<'a, [u8]>, Wrong> {
        let member = self.members.get(&format!("{}{name}", self.prefix)).ok_or_else(Wrong::truncated)?;
        Ok(zip::content(self.bytes, member).map_err(|message| format!("{name}: {message}"))?)
    }
}

/// Tensors by name, in order.
type Named<'a> = Vec<(&'a str, &'a Tensor)>;

/// The tensors of the file's dictionary, or of the one dictionary in it that has some, with its key.
fn tensors(pickle: &Unpickled) -> Result<(Named<'_>, Option<&str>), Wrong> {
    let Value::Dict(entries) = pickle.get(pickle.root) else {
        return Err(Wrong::with_hint("expected a dictionary of arrays by name, found another value", SAVE_WEIGHTS));
    };
    let own = named(pickle, entries)?;
    if !own.is_empty() {
        return Ok((own, None));
    }
    let mut inner: Vec<(&str, Named)> = Vec::new();
    for (key, value) in entries.iter().take(MAX_INNER) {
        if let (Value::Text(key), Value::Dict(entries)) = (pickle.get(*key), pickle.get(*value)) {
            let tensors = named(pickle, entries)?;
            if !tensors.is_empty() {
                inner.push((key, tensors));
            }
        }
    }
    let usual = USUAL.iter().find_map(|usual| inner.iter().position(|(key, _)| key == usual));
    match (inner.len(), usual) {
        (0, _) => Err(Wrong::with_hint("expected arrays by name, found none", SAVE_WEIGHTS)),
        (1, _) | (_, Some(_)) => {
            let (key, tensors) = inner.swap_remove(usual.unwrap_or(0));
            Ok((tensors, Some(key)))
        }
        _ => {
            let keys: Vec<&str> = inner.iter().map(|(key, _)| *key).collect();
            let message = format!("expected one dictionary of arrays, found several: {}", keys.join(", "));
            Err(Wrong::with_hint(message, SAVE_WEIGHTS))
        }
    }
}

/// The tensors of a dictionary; a name that repeats would hide one of them.
fn named<'a>(pickle: &'a Unpickled, entries: &'a [(usize, usize)]) -> Result<Named<'a>, Wrong> {
    let mut seen = BTreeMap::new();
    let mut tensors = Vec::new();
    for (key, value) in entries {
        if let (Value::Text(key), Value::Tensor(tensor)) = (pickle.get(*key), pickle.get(*value)) {
            if seen.insert(key, ()).is_some() {
                return Err(Wrong::new(format!("expected different names, found {key:?} again")));
            }
            tensors.push((key.as_str(), tensor.as_ref()));
        }
    }
    Ok(tensors)
}

//! An interpreter of the pickles that `torch.save` makes of a state dict (protocols 2 to 5).
//!
//! A pickle is a program for a stack machine, in which Python can be made to call anything. This one calls nothing: it
//! knows the few names of [`Global`] and builds plain values of them. The opcodes are those of CPython's
//! `pickletools`. Every value is made by at least one byte of the program and none is copied, so that memory and time are
//! bounded by its length.

use super::tensor::Type;
use super::{SAVE_WEIGHTS, Wrong};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Longer programs are refused: a state dict needs about a hundred bytes an array.
const MAX_PROGRAM: usize = 4 << 20;

/// A place among the values.
pub(super) type Id = usize;

/// A name that a state dict may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Type),
}

/// What a program makes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(String),
    Bytes,
    /// A list or a tuple.
    Items(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
}

/// Numbers in a member of the archive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) of: Type,
    pub(super) key: String,
    /// Numbers in it.
    pub(super) count: usize,
}

/// A strided view of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: Rc<Storage>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The values that a program made, and which of them it returns.
#[derive(Debug)]
pub(super) struct Unpickled {
    values: Vec<Value>,
    pub(super) root: Id,
}

impl Unpickled {
    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }
}

/// Runs a program to its end.
pub(super) fn read(program: &[u8]) -> Result<Unpickled, Wrong> {
    if program.len() > MAX_PROGRAM {
        let message = format!("expected a pickle of at most {MAX_PROGRAM} bytes, found {}", program.len());
        return Err(Wrong::with_hint(message, SAVE_WEIGHTS));
    }
    let mut machine =
        Machine { rest: program, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: BTreeMap::new() };
    while let Some(opcode) = machine.take(1)?.first().copied() {
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Unpickled { values: machine.values, root });
        }
        machine.step(opcode)?;
    }
    Err(Wrong::truncated())
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack that were marked.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(Wrong::truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, Wrong> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, Wrong> {
        usize::try_from(self.number(bytes)?).map_err(|_| Wrong::truncated())
    }

    /// Never fails; a result, so that it can end a match arm.
    fn push(&mut self, value: Value) -> Result<(), Wrong> {
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    /// Takes the top of the stack, down to the last mark.
    fn pop(&mut self) -> Result<Id, Wrong> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(malformed("a value on its stack"));
        }
        self.stack.pop().ok_or_else(|| malformed("a value on its stack"))
    }

    /// Takes everything above the last mark.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Wrong> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or_else(|| malformed("a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id, Wrong> {
        self.stack.last().copied().ok_or_else(|| malformed("a value on its stack"))
    }

    fn text(&mut self, length: usize) -> Result<(), Wrong> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| malformed("text in UTF-8"))?.to_owned();
        self.push(Value::Text(text))
    }

    fn line(&mut self) -> Result<&'a str, Wrong> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or_else(Wrong::truncated)?;
        let line = self.take(end + 1)?;
        std::str::from_utf8(&line[..end]).map_err(|_| malformed("text in UTF-8"))
    }

    fn remember(&mut self, index: u64) -> Result<(), Wrong> {
        let index = u32::try_from(index).map_err(|_| malformed("a place of its memory"))?;
        let id = self.top()?;
        self.memo.insert(index, id);
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<(), Wrong> {
        let id = u32::try_from(index).ok().and_then(|index| self.memo.get(&index).copied());
        self.stack.push(id.ok_or_else(|| malformed("a value in its memory"))?);
        Ok(())
    }

    fn step(&mut self, opcode: u8) -> Result<(), Wrong> {
        match opcode {
            // PROTO and FRAME say nothing that is needed.
            0x80 => self.take(1).map(|_| ()),
            0x95 => self.take(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_to_mark().map(|_| ()),
            b'q' | b'r' => {
                let index = self.number(if opcode == b'q' { 1 } else { 4 })?;
                self.remember(index)
            }
            // MEMOIZE takes the next free place.
            0x94 => self.remember(self.memo.len() as u64),
            b'h' | b'j' => {
                let index = self.number(if opcode == b'h' { 1 } else { 4 })?;
                self.recall(index)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(global(module, name)?))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name]) else {
                    return Err(malformed("a name"));
                };
                let global = global(module, name)?;
                self.push(Value::Global(global))
            }
            b'R' => self.reduce(),
            b'b' => self.build(),
            b'Q' => self.storage(),
            _ => self.literal(opcode),
        }
    }

    /// Opcodes that make values of Python's own types.
    fn literal(&mut self, opcode: u8) -> Result<(), Wrong> {
        match opcode {
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool),
            b'K' => self.number(1).and_then(|n| self.push(Value::Int(n as i64))),
            b'M' => self.number(2).and_then(|n| self.push(Value::Int(n as i64))),
            b'J' => self.number(4).and_then(|n| self.push(Value::Int(i64::from(n as u32 as i32)))),
            0x8a => self.long(),
            b'G' => self.take(8).and_then(|_| self.push(Value::Float)),
            b'X' | 0x8c | 0x8d => {
                let length = self.length(if opcode == b'X' {
                    4
                } else if opcode == 0x8c {
                    1
                } else {
                    8
                })?;
                self.text(length)
            }
            b'B' | b'C' => {
                let length = self.length(if opcode == b'B' { 4 } else { 1 })?;
                self.take(length)?;
                self.push(Value::Bytes)
            }
            b']' | b')' => self.push(Value::Items(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b't' => self.pop_to_mark().and_then(|items| self.push(Value::Items(items))),
            0x85..=0x87 => {
                let mut items = (0..opcode - 0x84).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                self.push(Value::Items(items))
            }
            b'a' => self.pop().and_then(|item| self.append(vec![item])),
            b'e' => self.pop_to_mark().and_then(|items| self.append(items)),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])
            }
            b'u' => self.pop_to_mark().and_then(|pairs| self.set(pairs)),
            _ => Err(Wrong::with_hint(
                format!("expected a pickle of arrays by name, found the instruction {opcode:#04x}"),
                SAVE_WEIGHTS,
            )),
        }
    }

    /// A signed number of any length; more than 8 bytes are no size of anything.
    fn long(&mut self) -> Result<(), Wrong> {
        let length = self.length(1)?;
        let bytes = self.take(length)?;
        if length > 8 {
            return Err(malformed("a number of at most 8 bytes"));
        }
        let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut word = [fill; 8];
        word[..length].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(word)))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), Wrong> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::Items(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(malformed("a list")),
        }
    }

    fn set(&mut self, pairs: Vec<Id>) -> Result<(), Wrong> {
        let dict = self.top()?;
        let (pairs, rest) = pairs.as_chunks::<2>();
        match &mut self.values[dict] {
            Value::Dict(entries) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
                Ok(())
            }
            _ => Err(malformed("a dictionary and pairs")),
        }
    }

    /// A call of a known name.
    fn reduce(&mut self) -> Result<(), Wrong> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Items(arguments) = &self.values[arguments] else { return Err(malformed("arguments")) };
        let made = match &self.values[callable] {
            // Filled afterwards, as every dictionary is.
            Value::Global(Global::OrderedDict) if arguments.is_empty() => Value::Dict(Vec::new()),
            Value::Global(Global::RebuildTensor) => self.tensor(arguments)?,
            Value::Global(Global::RebuildParameter) => match arguments.first().map(|&id| &self.values[id]) {
                Some(Value::Tensor(tensor)) => Value::Tensor(Rc::clone(tensor)),
                _ => return Err(malformed("a tensor")),
            },
            _ => return Err(malformed("a name to call")),
        };
        self.push(made)
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`.
    fn tensor(&self, arguments: &[Id]) -> Result<Value, Wrong> {
        let [storage, offset, shape, strides, ..] = *arguments else { return Err(malformed("a tensor")) };
        let Value::Storage(storage) = &self.values[storage] else { return Err(malformed("a storage")) };
        let (storage, offset) = (Rc::clone(storage), self.size(offset)?);
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        Ok(Value::Tensor(Rc::new(Tensor { storage, offset, shape, strides })))
    }

    fn size(&self, id: Id) -> Result<usize, Wrong> {
        match self.values[id] {
            Value::Int(number) => usize::try_from(number).map_err(|_| malformed("a size")),
            _ => Err(malformed("a size")),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, Wrong> {
        match &self.values[id] {
            // More dimensions than any layer has.
            Value::Items(items) if items.len() <= 8 => items.iter().map(|&id| self.size(id)).collect(),
            _ => Err(malformed("at most 8 sizes")),
        }
    }

    /// State of an object that was made: PyTorch's dictionaries carry version numbers, which are not needed.
    fn build(&mut self) -> Result<(), Wrong> {
        self.pop()?;
        match self.values[self.top()?] {
            Value::Dict(_) => Ok(()),
            _ => Err(malformed("a dictionary")),
        }
    }

    /// A reference to a member of the archive: `('storage', type, key, device, count)`.
    fn storage(&mut self) -> Result<(), Wrong> {
        let reference = self.pop()?;
        let Value::Items(parts) = &self.values[reference] else { return Err(malformed("a storage")) };
        let parts: Vec<&Value> = parts.iter().map(|&id| &self.values[id]).collect();
        match parts[..] {
            [Value::Text(kind), Value::Global(Global::Storage(of)), Value::Text(key), _, Value::Int(count)]
                if kind == "storage" =>
            {
                let count = usize::try_from(*count).map_err(|_| malformed("a size"))?;
                let storage = Storage { of: *of, key: key.clone(), count };
                self.push(Value::Storage(Rc::new(storage)))
            }
            _ => Err(malformed("a storage")),
        }
    }
}

/// What a name means that a state dict may use.
fn global(module: &str, name: &str) -> Result<Global, Wrong> {
    let known = match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
        ("torch", name) => storage_type(name).map(Global::Storage),
        _ => None,
    };
    known.ok_or_else(|| foreign(module, name))
}

fn storage_type(name: &str) -> Option<Type> {
    Some(match name {
        "HalfStorage" => Type::F16,
        "BFloat16Storage" => Type::Bf16,
        "FloatStorage" => Type::F32,
        "DoubleStorage" => Type::F64,
        "BoolStorage" | "ByteStorage" | "CharStorage" => Type::Whole(1),
        "ShortStorage" => Type::Whole(2),
        "IntStorage" => Type::Whole(4),
        "LongStorage" => Type::Whole(8),
        _ => return None,
    })
}

fn malformed(expected: &str) -> Wrong {
    Wrong::with_hint(
        format!("expected {expected} in the pickle, found something else"),
        "the file is damaged, or no state dict: copy it again, or save it again from PyTorch",
    )
}

/// A name that is not run.
fn foreign(module: &str, name: &str) -> Wrong {
    let found = crate::error::excerpt(format!("{module}.{name}").as_bytes());
    Wrong::with_hint(
        format!("expected a state dict, which is made of arrays alone, found {found}, and no code of a file is run"),
        SAVE_WEIGHTS,
    )
}

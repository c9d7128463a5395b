//! Reading pickled state dicts without running them.
//!
//! A pickle is a program for a small stack machine, and Python's own reader lets it call anything. This machine knows
//! only what a state dict is made of: texts, numbers, tuples, lists, dicts, storages, and three functions, none of
//! which does more than describe a tensor. Everything else is refused by name.
//!
//! Values are flat: containers live in an arena and refer to each other by number, so that nothing a file nests, and
//! no cycle it ties, can exhaust the stack. Every instruction makes at most one value, so memory is bounded by the
//! length of the pickle.

use super::stored::StoredType;
use std::collections::HashMap;
use std::rc::Rc;

/// A storage a pickle refers to: a run of numbers beside it in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StorageRef {
    /// Type of the numbers.
    pub(super) dtype: StoredType,
    /// Bytes of one number.
    pub(super) size: usize,
    /// Its name in the archive.
    pub(super) key: Rc<str>,
    /// How many numbers it claims to hold.
    pub(super) count: usize,
}

/// A tensor as a pickle describes it; nothing in here has been compared with the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorRef {
    pub(super) storage: Rc<StorageRef>,
    /// First number in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// In numbers, per dimension.
    pub(super) strides: Vec<usize>,
}

/// A value on the stack.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// `None`, a float, or anything else whose value does not matter.
    Nothing,
    Bool,
    Int(i64),
    Text(Rc<str>),
    /// Index into [`Machine::sequences`]: a tuple or list.
    Sequence(usize),
    /// Index into [`Machine::dicts`].
    Dict(usize),
    Global(Global),
    Storage(Rc<StorageRef>),
    Tensor(Rc<TensorRef>),
}

/// What a pickle may refer to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// The type of a storage, and bytes per number.
    Storage(StoredType, usize),
}

impl Global {
    fn named(module: &str, name: &str) -> Option<Self> {
        let storage = |dtype, size| Some(Self::Storage(dtype, size));
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", "DoubleStorage") => storage(StoredType::F64, 8),
            ("torch", "FloatStorage") => storage(StoredType::F32, 4),
            ("torch", "HalfStorage") => storage(StoredType::F16, 2),
            ("torch", "BFloat16Storage") => storage(StoredType::BF16, 2),
            ("torch", "LongStorage") => storage(StoredType::Other("i64"), 8),
            ("torch", "IntStorage") => storage(StoredType::Other("i32"), 4),
            ("torch", "ShortStorage") => storage(StoredType::Other("i16"), 2),
            ("torch", "CharStorage") => storage(StoredType::Other("i8"), 1),
            ("torch", "ByteStorage") => storage(StoredType::Other("u8"), 1),
            ("torch", "BoolStorage") => storage(StoredType::Other("bool"), 1),
            _ => None,
        }
    }
}

/// Why a pickle was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PickleError {
    /// It asks for something no state dict needs. What, in words.
    Forbidden(String),
    /// It is not well-formed. Where, and how.
    Malformed(String),
}

type Result<T, E = PickleError> = std::result::Result<T, E>;

/// A stack machine over one pickle.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    sequences: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    storages: Vec<Rc<StorageRef>>,
}

impl<'a> Machine<'a> {
    /// Runs the pickle at the beginning of `bytes`. Gives the machine, the value the pickle ends with, and its length.
    pub(super) fn run(bytes: &'a [u8]) -> Result<(Self, Value, usize)> {
        let mut machine = Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            sequences: Vec::new(),
            dicts: Vec::new(),
            storages: Vec::new(),
        };
        loop {
            let opcode = machine.byte()?;
            if opcode == b'.' {
                let value = machine.pop()?;
                let length = machine.at;
                return Ok((machine, value, length));
            }
            machine.step(opcode)?;
        }
    }

    /// The entries of `value`, if it is a dict.
    pub(super) fn dict(&self, value: &Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Dict(index) => self.dicts.get(*index).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The items of `value`, if it is a tuple or list.
    pub(super) fn sequence(&self, value: &Value) -> Option<&[Value]> {
        match value {
            Value::Sequence(index) => self.sequences.get(*index).map(Vec::as_slice),
            _ => None,
        }
    }

    /// Every reference to a storage, in order.
    pub(super) fn storages(&self) -> &[Rc<StorageRef>] {
        &self.storages
    }

    /// Executes one instruction. Letters are those of Python's `pickletools`.
    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // PROTO, FRAME: nothing to do.
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::Nothing),
            b'G' => {
                self.skip(8)?;
                self.stack.push(Value::Nothing);
            }
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'K' => self.push_int::<1>()?,
            b'M' => self.push_int::<2>()?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(value.into()));
            }
            0x8a => self.long()?,
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?;
            }
            0x8c => {
                let length = self.byte()?;
                self.text(length.into())?;
            }
            b'q' => {
                let slot = self.byte()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let slot = self.byte()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b')' | b']' => self.push_sequence(Vec::new()),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(count).filter(|&start| start >= self.floor());
                let items =
                    start.map(|start| self.stack.split_off(start)).ok_or_else(|| self.malformed("a short stack"))?;
                self.push_sequence(items);
            }
            b't' => {
                let items = self.since_mark()?;
                self.push_sequence(items);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.append(items)?;
            }
            b'}' => self.push_dict(),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set_items(items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(&module, &name)?,
                _ => return Err(self.malformed("a name that is no text")),
            },
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            // BUILD: sets attributes; state dicts carry version numbers there, which do not matter.
            b'b' => {
                self.pop()?;
                if !matches!(self.stack.last(), Some(Value::Dict(_))) {
                    return Err(PickleError::Forbidden("setting the state of an object that is no dict".into()));
                }
            }
            other => {
                return Err(PickleError::Forbidden(format!("the opcode 0x{other:02x} at byte {}", self.at - 1)));
            }
        }
        Ok(())
    }

    /// OrderedDict(), _rebuild_tensor_v2(…), _rebuild_parameter(…).
    fn call(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let arguments = self.sequence(&arguments).ok_or_else(|| self.malformed("a call without arguments"))?;
        match function {
            Value::Global(Global::OrderedDict) if arguments.is_empty() => self.push_dict(),
            Value::Global(Global::RebuildTensor) => {
                let tensor = match arguments {
                    [Value::Storage(storage), Value::Int(offset), shape, strides, ..] => {
                        self.tensor(storage, *offset, shape, strides)
                    }
                    _ => None,
                };
                let tensor = tensor.ok_or_else(|| self.malformed("a tensor that cannot be"))?;
                self.stack.push(Value::Tensor(Rc::new(tensor)));
            }
            Value::Global(Global::RebuildParameter) => match arguments.first() {
                Some(tensor @ Value::Tensor(_)) => {
                    let tensor = tensor.clone();
                    self.stack.push(tensor);
                }
                _ => return Err(self.malformed("a parameter that is no tensor")),
            },
            Value::Global(global) => return Err(PickleError::Forbidden(format!("calling {global:?} like this"))),
            _ => return Err(PickleError::Forbidden("calling something that is no function".into())),
        }
        Ok(())
    }

    fn tensor(&self, storage: &Rc<StorageRef>, offset: i64, shape: &Value, strides: &Value) -> Option<TensorRef> {
        let numbers = |value: &Value| -> Option<Vec<usize>> {
            let dims = self.sequence(value)?.iter().map(|dim| match dim {
                Value::Int(dim) => usize::try_from(*dim).ok(),
                _ => None,
            });
            dims.collect()
        };
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        let offset = usize::try_from(offset).ok()?;
        (shape.len() == strides.len()).then(|| TensorRef { storage: storage.clone(), offset, shape, strides })
    }

    /// BINPERSID: ("storage", type, key, location, count, …).
    fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = match self.sequence(&id) {
            Some(
                [
                    Value::Text(tag),
                    Value::Global(Global::Storage(dtype, size)),
                    Value::Text(key),
                    _,
                    Value::Int(count),
                    view @ ..,
                ],
            ) if &**tag == "storage" && matches!(view, [] | [Value::Nothing]) => {
                let (dtype, size, key) = (*dtype, *size, key.clone());
                usize::try_from(*count).ok().map(|count| StorageRef { dtype, size, key, count })
            }
            _ => None,
        };
        let storage = storage.ok_or_else(|| self.malformed("a reference to something that is no storage"))?;
        let storage = Rc::new(storage);
        self.storages.push(storage.clone());
        self.stack.push(Value::Storage(storage));
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let global = Global::named(module, name)
            .ok_or_else(|| PickleError::Forbidden(format!("the name `{}`", shown(&format!("{module}.{name}")))))?;
        self.stack.push(Value::Global(global));
        Ok(())
    }

    fn push_sequence(&mut self, items: Vec<Value>) {
        self.stack.push(Value::Sequence(self.sequences.len()));
        self.sequences.push(items);
    }

    fn push_dict(&mut self) {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Vec::new());
    }

    fn append(&mut self, items: Vec<Value>) -> Result<()> {
        let list = match self.stack.last() {
            Some(Value::Sequence(index)) => self.sequences.get_mut(*index),
            _ => None,
        };
        match list {
            Some(list) => list.extend(items),
            None => return Err(self.malformed("an item for something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Result<()> {
        let dict = match self.stack.last() {
            Some(Value::Dict(index)) if items.len().is_multiple_of(2) => self.dicts.get_mut(*index),
            _ => None,
        };
        let Some(dict) = dict else { return Err(self.malformed("an item for something that is no dict")) };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            dict.push((key, value));
        }
        Ok(())
    }

    /// Everything above the topmost mark.
    fn since_mark(&mut self) -> Result<Vec<Value>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(self.malformed("no mark")),
        }
    }

    /// Values below this height belong to the other side of a mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value> {
        if self.stack.len() > self.floor()
            && let Some(value) = self.stack.pop()
        {
            return Ok(value);
        }
        Err(self.malformed("an empty stack"))
    }

    fn remember(&mut self, slot: u32) -> Result<()> {
        let value = self.stack.last().cloned().ok_or_else(|| self.malformed("an empty stack"))?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        let value = self.memo.get(&slot).cloned().ok_or_else(|| self.malformed("a value that was never stored"))?;
        self.stack.push(value);
        Ok(())
    }

    fn push_int<const N: usize>(&mut self) -> Result<()> {
        let bytes: [u8; N] = self.array()?;
        let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | i64::from(byte));
        self.stack.push(Value::Int(value));
        Ok(())
    }

    /// LONG1: a little-endian number in two's complement. What does not fit 64 bits is no size and no offset.
    fn long(&mut self) -> Result<()> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut padded = [if negative { 0xff } else { 0 }; 8];
        let value = match padded.get_mut(..length) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(padded))
            }
            None => Value::Nothing,
        };
        self.stack.push(value);
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<()> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("a text that is not UTF-8"))?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.malformed("an early end"))
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(|_| ())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.malformed("an early end"))?;
        self.at += count;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.malformed("an early end"))?;
        let line = self.take(length)?;
        self.skip(1)?;
        std::str::from_utf8(line).map_err(|_| self.malformed("a name that is not UTF-8"))
    }

    fn malformed(&self, what: &str) -> PickleError {
        PickleError::Malformed(format!("{what} at byte {}", self.at))
    }
}

/// `text`, cut to a length a message can bear and without control characters.
fn shown(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

//! The part of the zip format that numpy's and PyTorch's archives use: members stored or deflated, with 64-bit sizes
//! where needed (PKWARE's APPNOTE, sections 4.3 and 4.5.3).

use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::borrow::Cow;
use std::io::{self, Read, Write};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// 1980-01-01, the zero of the format: the same content is the same bytes on any day.
const DATE: u16 = 0x21;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Writes an archive of stored members.
pub(crate) struct Writer<'a> {
    sink: &'a mut dyn Write,
    at: u64,
    central: Vec<u8>,
    count: u64,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(sink: &'a mut dyn Write) -> Self {
        Self { sink, at: 0, central: Vec::new(), count: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.sink.write_all(bytes)
    }

    pub(crate) fn member(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(content);
        let (offset, size) = (self.at, content.len() as u64);
        let short = u32::try_from(size).unwrap_or(u32::MAX);
        let sizes = if short == u32::MAX { extra(&[size, size]) } else { Vec::new() };
        let shared = shared(crc.sum(), short, name);

        let mut local = LOCAL.to_le_bytes().to_vec();
        local.extend(45u16.to_le_bytes());
        local.extend(&shared);
        local.extend((sizes.len() as u16).to_le_bytes());
        local.extend(name.as_bytes());
        local.extend(&sizes);
        self.put(&local)?;
        self.put(content)?;

        let short_offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let mut wide = Vec::new();
        if short == u32::MAX {
            wide.extend([size, size]);
        }
        if short_offset == u32::MAX {
            wide.push(offset);
        }
        let wide = if wide.is_empty() { Vec::new() } else { extra(&wide) };
        self.central.extend(CENTRAL.to_le_bytes());
        self.central.extend([45, 0, 45, 0]);
        self.central.extend(&shared);
        self.central.extend((wide.len() as u16).to_le_bytes());
        self.central.extend([0; 10]);
        self.central.extend(short_offset.to_le_bytes());
        self.central.extend(name.as_bytes());
        self.central.extend(&wide);
        self.count += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        let (start, central) = (self.at, std::mem::take(&mut self.central));
        self.put(&central)?;
        let (end, size, count) = (self.at, central.len() as u64, self.count);
        // The largest number of each field says that the record of 64-bit numbers has the real one.
        let short_count = u16::try_from(count).unwrap_or(u16::MAX);
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        if short_count == u16::MAX || short(size) == u32::MAX || short(start) == u32::MAX {
            let mut wide = END_64.to_le_bytes().to_vec();
            wide.extend(44u64.to_le_bytes());
            wide.extend([45, 0, 45, 0]);
            wide.extend([0; 8]);
            [count, count, size, start].iter().for_each(|number| wide.extend(number.to_le_bytes()));
            wide.extend(LOCATOR_64.to_le_bytes());
            wide.extend([0; 4]);
            wide.extend(end.to_le_bytes());
            wide.extend(1u32.to_le_bytes());
            self.put(&wide)?;
        }
        let mut last = END.to_le_bytes().to_vec();
        last.extend([0; 4]);
        last.extend(short_count.to_le_bytes());
        last.extend(short_count.to_le_bytes());
        last.extend(short(size).to_le_bytes());
        last.extend(short(start).to_le_bytes());
        last.extend([0; 2]);
        self.put(&last)
    }
}

/// The fields that a member's own header and the directory share: flags (UTF-8), method, time, date, checksum, sizes.
fn shared(crc: u32, size: u32, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    [0x0800, STORED, 0, DATE].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    [crc, size, size].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes.extend((name.len() as u16).to_le_bytes());
    bytes
}

/// The extra field of sizes and offsets that need 64 bits.
fn extra(numbers: &[u64]) -> Vec<u8> {
    let mut field = 1u16.to_le_bytes().to_vec();
    field.extend((8 * numbers.len() as u16).to_le_bytes());
    numbers.iter().for_each(|number| field.extend(number.to_le_bytes()));
    field
}

/// A member of an archive that is being read.
pub(crate) struct Member {
    pub(crate) name: String,
    method: u16,
    crc: u32,
    packed: u64,
    /// Bytes of the content, as the directory has it.
    pub(crate) size: u64,
    offset: u64,
}

/// `N` bytes at `at`.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    part.and_then(|part| part.try_into().ok()).ok_or_else(truncated)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, String> {
    array(bytes, at).map(u64::from_le_bytes)
}

fn truncated() -> String {
    "expected a whole zip archive, found truncated or damaged data".to_owned()
}

/// The members by the directory at the end of an archive.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    if !bytes.starts_with(&LOCAL.to_le_bytes()) && !bytes.starts_with(&END.to_le_bytes()) {
        return Err("expected a zip archive, found other data".to_owned());
    }
    // A comment of up to 65535 bytes may follow the record.
    let first = bytes.len().saturating_sub(22 + 0xffff);
    let last = bytes.len().checked_sub(22).ok_or_else(truncated)?;
    let end = (first..=last).rev().find(|&at| bytes[at..].starts_with(&END.to_le_bytes())).ok_or_else(truncated)?;
    let (mut count, mut at) = (u64::from(u16_at(bytes, end + 10)?), u64::from(u32_at(bytes, end + 16)?));
    if let Some(locator) = end.checked_sub(20).filter(|&at| u32_at(bytes, at) == Ok(LOCATOR_64)) {
        let wide = usize::try_from(u64_at(bytes, locator + 8)?).map_err(|_| truncated())?;
        if u32_at(bytes, wide)? != END_64 {
            return Err(truncated());
        }
        (count, at) = (u64_at(bytes, wide.saturating_add(32))?, u64_at(bytes, wide.saturating_add(48))?);
    }
    let mut at = usize::try_from(at).map_err(|_| truncated())?;
    let mut members = Vec::new();
    for _ in 0..count {
        let (member, next) = member(bytes, at)?;
        members.push(member);
        at = next;
    }
    Ok(members)
}

fn member(bytes: &[u8], at: usize) -> Result<(Member, usize), String> {
    if u32_at(bytes, at)? != CENTRAL {
        return Err(truncated());
    }
    let length = |field: usize| u16_at(bytes, at + field).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let text = bytes.get(at + 46..at + 46 + name).ok_or_else(truncated)?;
    let mut member = Member {
        name: String::from_utf8_lossy(text).into_owned(),
        method: u16_at(bytes, at + 10)?,
        crc: u32_at(bytes, at + 16)?,
        packed: u64::from(u32_at(bytes, at + 20)?),
        size: u64::from(u32_at(bytes, at + 24)?),
        offset: u64::from(u32_at(bytes, at + 42)?),
    };
    let mut field = bytes.get(at + 46 + name..at + 46 + name + extra).ok_or_else(truncated)?;
    while field.len() >= 4 {
        let length = usize::from(u16_at(field, 2)?);
        let value = field.get(4..4 + length).ok_or_else(truncated)?;
        if u16_at(field, 0)? == 1 {
            let mut from = 0;
            for number in [&mut member.size, &mut member.packed, &mut member.offset] {
                if *number == u64::from(u32::MAX) {
                    *number = u64_at(value, from)?;
                    from += 8;
                }
            }
        }
        field = &field[4 + length..];
    }
    Ok((member, at + 46 + name + extra + comment))
}

/// The bytes of a member, checked; those of a stored one are part of the archive.
pub(crate) fn content<'a>(bytes: &'a [u8], member: &Member) -> Result<Cow<'a, [u8]>, String> {
    let at = usize::try_from(member.offset).map_err(|_| truncated())?;
    if u32_at(bytes, at)? != LOCAL {
        return Err(truncated());
    }
    let header = 30 + usize::from(u16_at(bytes, at + 26)?) + usize::from(u16_at(bytes, at + 28)?);
    let packed = usize::try_from(member.packed).map_err(|_| truncated())?;
    let end = (at + header).checked_add(packed).ok_or_else(truncated)?;
    let packed = bytes.get(at + header..end).ok_or_else(truncated)?;
    let content = match member.method {
        STORED => Cow::Borrowed(packed),
        DEFLATED => {
            let mut content = Vec::new();
            // Never more than the directory says, so that a small file cannot fill the memory unannounced.
            let mut decoder = DeflateDecoder::new(packed).take(member.size.saturating_add(1));
            decoder.read_to_end(&mut content).map_err(|_| truncated())?;
            Cow::Owned(content)
        }
        other => return Err(format!("expected stored or deflated data, found compression method {other}")),
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if content.len() as u64 != member.size || crc.sum() != member.crc {
        return Err(truncated());
    }
    Ok(content)
}

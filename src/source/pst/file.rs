//! The lower half of a PST (\[MS-PST\] 2.2): pages, blocks, and the nodes that are made of them.
//!
//! Read on demand through a bounded cache of pages; nothing here grows with the file. Every number in it may be a lie:
//! levels only go down, lengths are bounded, and what is not as it should be is a [`Fault`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::cipher::Cipher;
use crate::source::MAX_MESSAGE_BYTES;

/// The size of a page.
const PAGE_BYTES: usize = 512;
/// Pages that are kept: 2 MiB, enough for the upper levels of the trees of any file.
const KEPT_PAGES: usize = 4096;
/// Levels of a B-tree. Two hold 50 GB, which is the most that Outlook writes.
const MAX_LEVELS: u8 = 8;
/// The largest block (\[MS-PST\] 2.2.2.8).
const MAX_BLOCK_BYTES: usize = 8192;
/// Nodes within one node. A message has one for each large property and attachment.
const MAX_SUBNODES: usize = 100_000;
/// Versions of the format (\[MS-PST\] 2.2.2.6): up to 15 narrow, from 23 wide; 36 has pages of 4 KiB, as OST files do.
const NARROW_VERSIONS: std::ops::RangeInclusive<u16> = 14..=15;
const WIDE_VERSIONS: std::ops::RangeInclusive<u16> = 23..=35;

/// Why something of a PST cannot be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::source) enum Fault {
    /// The system says so.
    #[error("{0}")]
    System(#[from] io::Error),
    /// It is of a kind that is not read.
    #[error("{0}")]
    Foreign(&'static str),
    /// It contradicts itself.
    #[error("it is damaged: {0}; let Outlook's scanpst repair a copy of it")]
    Damaged(&'static str),
}

/// How wide the numbers of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// "ANSI": 32 bits, and text in a code page.
    Narrow,
    /// "Unicode": 64 bits.
    Wide,
}

/// The number of a node: what it is in the low five bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u32);

impl NodeId {
    /// What it is (\[MS-PST\] 2.2.2.1).
    pub(super) fn kind(self) -> u32 {
        self.0 & 0x1F
    }

    /// The node that belongs to this one and is of another kind.
    pub(super) fn with_kind(self, kind: u32) -> Self {
        Self(self.0 & !0x1F | kind)
    }
}

/// Where a node's data and its own nodes are; 0 is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) data: u64,
    pub(super) subnodes: u64,
}

/// An open file.
#[derive(Debug)]
pub(super) struct PstFile {
    file: File,
    width: Width,
    cipher: Cipher,
    node_tree: u64,
    block_tree: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl PstFile {
    /// Reads the header.
    pub(super) fn open(mut file: File) -> Result<Self, Fault> {
        let mut header = Vec::new();
        file.rewind()?;
        file.by_ref().take(PAGE_BYTES as u64 + 2).read_to_end(&mut header)?;
        if !header.starts_with(b"!BDN") {
            return Err(Fault::Foreign("it is no Outlook data file"));
        }
        let version = number(&header, 10, 2)?;
        let version = u16::try_from(version).unwrap_or_default();
        // Where the roots of the trees and the cipher stand ([MS-PST] 2.2.2.6).
        let (width, node_tree, block_tree, cipher) = match version {
            version if NARROW_VERSIONS.contains(&version) => {
                (Width::Narrow, number(&header, 188, 4)?, number(&header, 196, 4)?, 461)
            }
            version if WIDE_VERSIONS.contains(&version) => (Width::Wide, number(&header, 224, 8)?, number(&header, 240, 8)?, 513),
            _ => return Err(Fault::Foreign("it is an OST file of Outlook 2013 or later; export it to a PST in Outlook")),
        };
        let cipher = header.get(cipher).and_then(|number| Cipher::of_number(*number));
        let cipher = cipher.ok_or(Fault::Foreign("it is encrypted by Windows; export it to a PST without that"))?;
        Ok(Self { file, width, cipher, node_tree, block_tree, pages: BTreeMap::new() })
    }

    pub(super) fn width(&self) -> Width {
        self.width
    }

    /// How many bytes of a block hold rows of a table: rows do not cross from one block into the next.
    pub(super) fn row_block_bytes(&self) -> usize {
        MAX_BLOCK_BYTES - if self.width == Width::Wide { 16 } else { 12 }
    }

    /// A node of the file.
    pub(super) fn node(&mut self, id: NodeId) -> Result<Option<Node>, Fault> {
        let entry = self.find(self.node_tree, id.0.into(), u32::MAX.into())?;
        let word = self.word();
        entry.map(|entry| Ok(Node { data: number(&entry, word, word)?, subnodes: number(&entry, 2 * word, word)? })).transpose()
    }

    /// The nodes within a node.
    pub(super) fn subnodes(&mut self, block: u64) -> Result<BTreeMap<u32, Node>, Fault> {
        let mut nodes = BTreeMap::new();
        if block != 0 {
            self.gather_subnodes(block, 1, &mut nodes)?;
        }
        Ok(nodes)
    }

    /// `SLBLOCK` and, above it, `SIBLOCK` (\[MS-PST\] 2.2.2.8.3.3).
    fn gather_subnodes(&mut self, block: u64, most_level: u8, nodes: &mut BTreeMap<u32, Node>) -> Result<(), Fault> {
        let bytes = self.block(block)?;
        let (kind, level) = (number(&bytes, 0, 1)?, u8::try_from(number(&bytes, 1, 1)?).unwrap_or(u8::MAX));
        if kind != 2 || level > most_level {
            return Err(Fault::Damaged("a list of nodes is none"));
        }
        let word = self.word();
        let start = if self.width == Width::Wide { 8 } else { 4 };
        let entry_bytes = if level == 0 { 3 * word } else { 2 * word };
        for index in 0..usize_of(number(&bytes, 2, 2)?) {
            let at = start + index * entry_bytes;
            if nodes.len() >= MAX_SUBNODES {
                return Err(Fault::Damaged("a node holds more nodes than the bound"));
            }
            if level == 0 {
                let node = Node { data: number(&bytes, at + word, word)?, subnodes: number(&bytes, at + 2 * word, word)? };
                nodes.insert(u32::try_from(number(&bytes, at, 4)?).unwrap_or_default(), node);
            } else {
                let below = number(&bytes, at + word, word)?;
                self.gather_subnodes(below, level - 1, nodes)?;
            }
        }
        Ok(())
    }

    /// The blocks that the data of a node is in, in order (`XBLOCK` and `XXBLOCK`, \[MS-PST\] 2.2.2.8.3.2).
    pub(super) fn blocks(&mut self, block: u64) -> Result<Vec<u64>, Fault> {
        let mut blocks = Vec::new();
        if block != 0 {
            self.gather_blocks(block, 2, &mut blocks)?;
        }
        Ok(blocks)
    }

    fn gather_blocks(&mut self, block: u64, most_level: u8, blocks: &mut Vec<u64>) -> Result<(), Fault> {
        const MOST: usize = (MAX_MESSAGE_BYTES / MAX_BLOCK_BYTES as u64) as usize * 2;
        if !is_internal(block) {
            if blocks.len() >= MOST {
                return Err(Fault::Damaged("data is longer than the bound"));
            }
            blocks.push(block);
            return Ok(());
        }
        let bytes = self.block(block)?;
        let (kind, level) = (number(&bytes, 0, 1)?, u8::try_from(number(&bytes, 1, 1)?).unwrap_or(u8::MAX));
        if kind != 1 || level == 0 || level > most_level {
            return Err(Fault::Damaged("a list of blocks is none"));
        }
        let word = self.word();
        for index in 0..usize_of(number(&bytes, 2, 2)?) {
            let below = number(&bytes, 8 + index * word, word)?;
            if level == 1 && is_internal(below) {
                return Err(Fault::Damaged("a list of blocks names another one"));
            }
            self.gather_blocks(below, level - 1, blocks)?;
        }
        Ok(())
    }

    /// The data of a node, at most `most` bytes.
    pub(super) fn data(&mut self, block: u64, most: u64) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        for block in self.blocks(block)? {
            out.extend(self.block(block)?);
            if out.len() as u64 > most {
                return Err(Fault::Damaged("a message is longer than the bound"));
            }
        }
        Ok(out)
    }

    /// One block, readable.
    pub(super) fn block(&mut self, block: u64) -> Result<Vec<u8>, Fault> {
        // The lowest bit says nothing of where it is.
        let entry = self.find(self.block_tree, block, !1)?.ok_or(Fault::Damaged("a block is missing"))?;
        let word = self.word();
        let (offset, length) = (number(&entry, word, word)?, usize_of(number(&entry, 2 * word, 2)?));
        if length > MAX_BLOCK_BYTES {
            return Err(Fault::Damaged("a block is longer than blocks are"));
        }
        let mut bytes = self.read(offset, length)?;
        if !is_internal(block) {
            self.cipher.undo(block, &mut bytes);
        }
        Ok(bytes)
    }

    /// Goes down a B-tree (\[MS-PST\] 2.2.2.7.7) to the entry whose key is `key` in the bits of `mask`.
    fn find(&mut self, root: u64, key: u64, mask: u64) -> Result<Option<Vec<u8>>, Fault> {
        let word = self.word();
        let mut offset = root;
        let mut level_above = MAX_LEVELS;
        loop {
            let page = self.page(offset)?;
            let at = if self.width == Width::Wide { 488 } else { 496 };
            let (count, entry_bytes) = (usize_of(number(&page, at, 1)?), usize_of(number(&page, at + 2, 1)?));
            let level = u8::try_from(number(&page, at + 3, 1)?).unwrap_or(u8::MAX);
            if level >= level_above || entry_bytes < 3 * word || count * entry_bytes > at {
                return Err(Fault::Damaged("a page of a tree is none"));
            }
            let entries = page.get(..count * entry_bytes).unwrap_or_default().chunks_exact(entry_bytes);
            let key_of = |entry: &[u8]| number(entry, 0, word).map_or(u64::MAX, |key| key & mask);
            if level == 0 {
                let mut entries = entries;
                return Ok(entries.find(|entry| key_of(entry) == key & mask).map(<[u8]>::to_vec));
            }
            let Some(below) = entries.take_while(|entry| key_of(entry) <= key & mask).last() else { return Ok(None) };
            offset = number(below, 2 * word, word)?;
            level_above = level;
        }
    }

    fn page(&mut self, offset: u64) -> Result<Vec<u8>, Fault> {
        if let Some(page) = self.pages.get(&offset) {
            return Ok(page.clone());
        }
        let page = self.read(offset, PAGE_BYTES)?;
        if self.pages.len() >= KEPT_PAGES {
            self.pages.clear();
        }
        self.pages.insert(offset, page.clone());
        Ok(page)
    }

    fn read(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; length];
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(&mut bytes).map_err(|error| match error.kind() == io::ErrorKind::UnexpectedEof {
            true => Fault::Damaged("it ends early"),
            false => Fault::System(error),
        })?;
        Ok(bytes)
    }

    /// The width of a number in bytes.
    fn word(&self) -> usize {
        if self.width == Width::Wide { 8 } else { 4 }
    }
}

/// The number that stands at a place, little endian, in so many bytes.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64, Fault> {
    let bytes = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(Fault::Damaged("something ends early"))?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A number as a place or a count. It came out of at most eight bytes; what does not fit is beyond any bound.
pub(super) fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether a block holds numbers of blocks and not data; those are not enciphered.
fn is_internal(block: u64) -> bool {
    block & 2 != 0
}

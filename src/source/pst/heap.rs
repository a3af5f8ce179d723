//! The middle of a PST (\[MS-PST\] 2.3): what the data of a node means. A heap of small things, trees within it, and the
//! two kinds of objects made of them: a bag of properties, and a table.

use std::collections::BTreeMap;

use super::file::{Fault, Node, NodeId, PstFile, Width, number, usize_of};
use crate::mail::outlook::{Properties, Value};

/// Blocks of a heap that are kept: those of a message all are.
const KEPT_BLOCKS: usize = 64;
/// Levels of a tree within a heap: two hold millions.
const MAX_LEVELS: u64 = 8;
/// Rows of a table, such as messages of one folder. Outlook's own limit is 16,383 in narrow files and far above use in wide
/// ones; Exchange advises against more than 100,000.
pub(super) const MAX_ROWS: usize = 4_000_000;

const HEAP: u64 = 0xEC;
const TREE: u64 = 0xB5;
const PROPERTY_BAG: u64 = 0xBC;
const TABLE: u64 = 0x7C;

/// The heap of a node, with the nodes within it.
#[derive(Debug)]
struct Heap {
    blocks: Vec<u64>,
    kept: BTreeMap<usize, Vec<u8>>,
    subnodes: BTreeMap<u32, Node>,
    root: u32,
}

impl Heap {
    fn open(file: &mut PstFile, node: Node, client: u64) -> Result<Self, Fault> {
        let blocks = file.blocks(node.data)?;
        let mut heap = Self { blocks, kept: BTreeMap::new(), subnodes: file.subnodes(node.subnodes)?, root: 0 };
        let first = heap.block(file, 0)?;
        if number(first, 2, 1)? != HEAP || number(first, 3, 1)? != client {
            return Err(Fault::Damaged("a node is not what it should be"));
        }
        heap.root = word(number(first, 4, 4)?);
        Ok(heap)
    }

    fn block(&mut self, file: &mut PstFile, index: usize) -> Result<&[u8], Fault> {
        if !self.kept.contains_key(&index) {
            let block = *self.blocks.get(index).ok_or(Fault::Damaged("a heap is shorter than it says"))?;
            if self.kept.len() >= KEPT_BLOCKS {
                self.kept.clear();
            }
            self.kept.insert(index, file.block(block)?);
        }
        Ok(self.kept.get(&index).map(Vec::as_slice).unwrap_or_default())
    }

    /// One thing of the heap (\[MS-PST\] 2.3.1): its block is in the high half, its place there in the bits above five.
    fn item(&mut self, file: &mut PstFile, id: u32) -> Result<Vec<u8>, Fault> {
        let [_, _, b0, b1] = id.to_le_bytes();
        let index = usize_of(u64::from(id >> 5 & 0x7FF));
        let block = self.block(file, u16::from_le_bytes([b0, b1]).into())?;
        let map = usize_of(number(block, 0, 2)?);
        if index == 0 || index > usize_of(number(block, map, 2)?) {
            return Err(Fault::Damaged("a thing is missing in a heap"));
        }
        let (start, end) = (number(block, map + 2 + 2 * index, 2)?, number(block, map + 4 + 2 * index, 2)?);
        Ok(block.get(usize_of(start)..usize_of(end)).ok_or(Fault::Damaged("a thing in a heap has no place"))?.to_vec())
    }

    /// The records of a tree (\[MS-PST\] 2.3.2), in order: key and entry together.
    fn records(&mut self, file: &mut PstFile, tree: u32) -> Result<Vec<Vec<u8>>, Fault> {
        let header = self.item(file, tree)?;
        if number(&header, 0, 1)? != TREE {
            return Err(Fault::Damaged("a tree in a heap is none"));
        }
        let (key_bytes, entry_bytes, levels) = (number(&header, 1, 1)?, number(&header, 2, 1)?, number(&header, 3, 1)?);
        if levels > MAX_LEVELS || key_bytes == 0 {
            return Err(Fault::Damaged("a tree in a heap is none"));
        }
        let mut level_items = vec![word(number(&header, 4, 4)?)];
        for _ in 0..levels {
            let mut below = Vec::new();
            for item in level_items {
                let records = if item == 0 { Vec::new() } else { self.item(file, item)? };
                for record in records.chunks_exact(usize_of(key_bytes + 4)) {
                    below.push(word(number(record, usize_of(key_bytes), 4)?));
                }
                // Each item of a sound tree holds a record at least.
                if below.len() > MAX_ROWS / 16 {
                    return Err(Fault::Damaged("a tree in a heap is larger than the bound"));
                }
            }
            level_items = below;
        }
        let mut records = Vec::new();
        for item in level_items.into_iter().filter(|item| *item != 0) {
            records.extend(self.item(file, item)?.chunks_exact(usize_of(key_bytes + entry_bytes)).map(<[u8]>::to_vec));
            if records.len() > MAX_ROWS {
                return Err(Fault::Damaged("a table has more rows than the bound"));
            }
        }
        Ok(records)
    }

    /// What a number stands for: a thing of the heap, or a node of its own.
    fn bytes(&mut self, file: &mut PstFile, id: u32, most: u64) -> Result<Vec<u8>, Fault> {
        match (id, NodeId(id).kind()) {
            (0, _) => Ok(Vec::new()),
            (_, 0) => self.item(file, id),
            _ => {
                let node = *self.subnodes.get(&id).ok_or(Fault::Damaged("a node within a node is missing"))?;
                file.data(node.data, most)
            }
        }
    }
}

/// The properties of a node, and the nodes within it.
#[derive(Debug, Default)]
pub(super) struct Bag {
    pub(super) properties: Properties,
    pub(super) subnodes: BTreeMap<u32, Node>,
    /// Whether a property could not be read.
    pub(super) is_partial: bool,
}

/// Reads the properties of a node (\[MS-PST\] 2.3.3), at most `most_bytes` in all.
pub(super) fn bag(file: &mut PstFile, node: Node, most_bytes: &mut u64) -> Result<Bag, Fault> {
    let mut heap = Heap::open(file, node, PROPERTY_BAG)?;
    let mut bag = Bag::default();
    let root = heap.root;
    for record in heap.records(file, root)? {
        let (id, kind) = (half(number(&record, 0, 2)?), half(number(&record, 2, 2)?));
        // Named properties say nothing that a mail is made of.
        if id >= 0x8000 {
            continue;
        }
        match value(file, &mut heap, kind, word(number(&record, 4, 4)?), *most_bytes) {
            Ok((value, length)) => {
                *most_bytes = most_bytes.saturating_sub(length);
                value.into_iter().for_each(|value| bag.properties.add(id, value));
            }
            Err(Fault::System(error)) => return Err(error.into()),
            // One damaged property does not cost the message.
            Err(Fault::Damaged(_) | Fault::Foreign(_)) => bag.is_partial = true,
        }
    }
    bag.subnodes = heap.subnodes;
    Ok(bag)
}

/// A value and how many bytes it took.
fn value(file: &mut PstFile, heap: &mut Heap, kind: u16, id: u32, most: u64) -> Result<(Option<Value>, u64), Fault> {
    let inline = Value::of_word(kind, id.into());
    match kind {
        0x0002 | 0x0003 | 0x000A | 0x000B => Ok((inline, 0)),
        0x0014 | 0x0040 => {
            let bytes = heap.bytes(file, id, 8)?;
            Ok((number(&bytes, 0, 8).ok().and_then(|word| Value::of_word(kind, word)), 8))
        }
        0x000D | 0x001E | 0x001F | 0x0102 => {
            let bytes = heap.bytes(file, id, most)?;
            if bytes.len() as u64 > most {
                return Err(Fault::Damaged("a message is longer than the bound"));
            }
            Ok((Value::of_bytes(kind, &bytes), bytes.len() as u64))
        }
        _ => Ok((None, 0)),
    }
}

/// The nodes that the rows of a table are for, in the order of their numbers (\[MS-PST\] 2.3.4.3).
pub(super) fn row_ids(file: &mut PstFile, node: Node) -> Result<Vec<NodeId>, Fault> {
    let mut heap = Heap::open(file, node, TABLE)?;
    Ok(rows_of(file, &mut heap)?.into_iter().map(|(id, _)| NodeId(id)).collect())
}

/// The id of each row, and where it is.
fn rows_of(file: &mut PstFile, heap: &mut Heap) -> Result<Vec<(u32, usize)>, Fault> {
    let info = heap.item(file, heap.root)?;
    if number(&info, 0, 1)? != TABLE {
        return Err(Fault::Damaged("a table is none"));
    }
    let index_bytes = if file.width() == Width::Wide { 4 } else { 2 };
    let records = heap.records(file, word(number(&info, 10, 4)?))?;
    records.iter().map(|record| Ok((word(number(record, 0, 4)?), usize_of(number(record, 4, index_bytes)?)))).collect()
}

/// The rows of a table with their values, at most `most_rows` and `most_bytes`.
pub(super) fn rows(file: &mut PstFile, node: Node, most_rows: usize, most_bytes: &mut u64) -> Result<Vec<Properties>, Fault> {
    let mut heap = Heap::open(file, node, TABLE)?;
    let info = heap.item(file, heap.root)?;
    let mut places = rows_of(file, &mut heap)?;
    places.sort_by_key(|(_, place)| *place);
    places.truncate(most_rows);
    let (bits_at, row_bytes) = (usize_of(number(&info, 6, 2)?), usize_of(number(&info, 8, 2)?));
    let matrix = word(number(&info, 14, 4)?);
    let matrix = heap.bytes(file, matrix, *most_bytes)?;
    *most_bytes = most_bytes.saturating_sub(matrix.len() as u64);
    let rows_in_block = file.row_block_bytes().checked_div(row_bytes).unwrap_or_default().max(1);
    let mut out = Vec::new();
    for (_, place) in places {
        let at = (place / rows_in_block).saturating_mul(file.row_block_bytes()) + (place % rows_in_block) * row_bytes;
        let Some(row) = matrix.get(at..at.saturating_add(row_bytes)) else { continue };
        let mut properties = Properties::default();
        for column in info.get(22..).unwrap_or_default().as_chunks::<8>().0 {
            let [k0, k1, i0, i1, o0, o1, length, bit] = *column;
            let (kind, id) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([i0, i1]));
            let is_there = row.get(bits_at + usize::from(bit / 8)).is_some_and(|bits| bits & 0x80 >> (bit % 8) != 0);
            let Ok(cell) = number(row, u16::from_le_bytes([o0, o1]).into(), usize::from(length).min(8)) else { continue };
            if !is_there || id >= 0x8000 {
                continue;
            }
            let fixed = Value::of_word(kind, cell);
            let read = match fixed {
                Some(value) => Ok((Some(value), 0)),
                None => value(file, &mut heap, kind, word(cell), *most_bytes),
            };
            if let Ok((Some(value), length)) = read {
                *most_bytes = most_bytes.saturating_sub(length);
                properties.add(id, value);
            }
        }
        out.push(properties);
    }
    Ok(out)
}

fn word(number: u64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn half(number: u64) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

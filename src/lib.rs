//! # mailferry
//!
//! Mail comes from a **source**, is understood by **mail**, is remembered by the **ledger**, is allowed or held by
//! **policy**, and is posted to a **destination**; a **partner** is the outside organisation whose correspondents share
//! one channel with us.
//!
//! ## The path of one message: a straight line
//!
//! ```text
//! source.scan(checkpoint) ──raw──▶ mail::parse ──Message──▶ vault.keep(raw) ──▶ ledger.admit(message, position, checkpoint)   ingest
//!                                                                             │ identity, thread and route are settled here,
//!                                                                             │ in ONE transaction, flushed
//!                                                                             ▼
//! ledger.next(channel) ──Crossing──▶ gates.judge ──Pass──▶ post::render ──▶ ledger.record(Attempted) flushed                 deliver
//!                                                                             ▶ destination.post ──▶ ledger.record(Delivered) flushed
//! ```
//!
//! - **One engine.** A backfill is *ingest to the end, then deliver to the end*; a mirror is both, for ever. What arrives live
//!   goes before what is of the past, with the whole of its thread.
//! - **Nothing grows with the mailbox but the ledger and the vault on disk.** Ingest is a stream, delivery walks an index
//!   ordered by channel and date.
//! - **A dry run is the same program stopped before the first barrier**: `plan` runs ingest over a ledger whose writes
//!   stay in memory.
//! - Ingest understands on all cores and writes in batches; one thread owns the ledger's write side.
//!
//! ## What survives
//!
//! ```text
//! change ──▶ audit.jsonl: appended, each line with the digest of the one before ──▶ index (sled) shows it ──▶ fsync of the trail
//! ```
//!
//! Every change of the ledger is a value, and the **audit trail** is the list of them: nobody is told that something is
//! recorded before the trail is synced. The **index** is only what the trail says, laid out to be looked up; what it lacks
//! after a kill or a power cut is made up for when it is opened, and with an index that was lost that is everything. So there
//! is one path by which the index comes to be, and each start after a kill walks it.
//!
//! A delivery has two barriers: its attempt is in the trail before the call, its outcome after it. An attempt without an
//! outcome is looked up at the destination by its key, under the root that it was sent under, and not before it can no longer
//! take effect. A run is a **batch**: what it posted can be listed, and undone; a tombstone keeps it from coming back.
//!
//! What needs a person is said once in the operators' channel (`engine::operators`): a notice goes the way of a post, intent
//! first, but stands in a file of its own, since the ledger is about mail alone.
//!
//! ## Words
//!
//! | word | meaning |
//! |---|---|
//! | message | one e-mail |
//! | source, position, checkpoint | where mail comes from; where in it one message was seen; where to go on |
//! | correspondent, partner | a person or list that we exchange mail with; an outside organisation |
//! | thread | messages of one conversation; its root may be a message that we never saw |
//! | destination, channel, post | where posts go; one place there; what is sent |
//! | delivery, delivery key | one part of one message on its way to one channel; the digest that names it in every run |
//! | crossing | one message on its way to one channel: its deliveries, in order |
//! | receipt | the destination's proof: its own id of the post |
//! | gate, verdict | one question that a message must pass; pass, hold (reason) or drop (reason) |
//! | ledger, vault | what was seen and what was done about it; the raw messages, by digest, compressed |
//! | audit trail, index | who decided and did what when, appended only; the same laid out to be looked up |
//! | batch | one run, and what it posted |
//! | live | arrived while its source was followed, by its server's date: goes before the past, and is counted by the breaker |
//! | late | posted after newer messages of its thread, and marked so |
//! | notice, operators | what needs a person; the people who are told |
//!
//! ## The rooms
//!
//! Arrows point down only, and the rooms beside each other never see each other:
//! `main → cli → engine → {source, policy, ledger, vault, destination} → {mail, delivery, position, finding, disk, http}`.
//! [`config`] stands beside the engine: it turns what was written into the settings of the rooms below.
//! `tests/it/tidy.rs` holds the table and fails where an arrow points up.

pub mod cli;
pub mod config;
pub mod delivery;
pub mod destination;
pub mod disk;
pub mod engine;
pub mod finding;
pub mod http;
pub mod ledger;
pub mod mail;
pub mod policy;
pub mod position;
pub mod report;
pub mod source;
pub mod vault;
pub mod web;

//! Random operations against the state of a hub, beside a small model of it.

mod answers;
mod client;
mod ends;
mod look;
mod model;
mod opening;
mod operation;
mod origin;
mod play;
mod publish;
mod token;

use tokio::{runtime::Builder, task::LocalSet};

use self::{operation::Operation, play::Play};

/// How many operations are played at most; more say nothing new.
const MAX_OPERATIONS: usize = 200;

/// The first four bytes say how the hub is set and how it ends, the others what is done to it: four
/// bytes are one [`Operation`].
///
/// The hub is the real one from the registry to the wires: one shard, in this thread, on a clock
/// that stands still until nothing is left to do. Clients, origin and publisher are played. Of each
/// client it is known what it may have been told, and it is looked at that
///
/// - what it gets makes sense: whole chunks, frames and responses, and nothing behind their end;
/// - it gets each item once at most, none that is not for it, and none behind its end;
/// - an item comes behind the one that it names as the one before it, and where the origin has said
///   where a client is in a channel, what it gets there follows from there;
/// - one who reads gets all that comes, in the same order as everybody else, and in time;
/// - what waits for it stays within its queue, and what the metrics say is so;
/// - its WebSocket messages reach the origin in order, and once;
/// - when all have gone nothing is left of them, and no request is under way.
///
/// # Panics
/// Where one of these does not hold, or where a guard of the hub has met a panic.
pub fn hub_operations(input: &[u8]) {
    let Some((around, operations)) = input.split_first_chunk() else {
        return;
    };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut play = Play::start(*around).await;
        let (operations, _) = operations.as_chunks();
        for operation in operations.iter().take(MAX_OPERATIONS) {
            play.does(Operation::of(*operation)).await;
        }
        play.ends().await;
    });
}

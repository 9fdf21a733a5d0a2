mod draining;
mod faults;
mod line;
mod list;
mod many;
mod native;
mod order;
mod pages;
mod reading;
mod recovery;
mod refresh;
mod size;
mod slow;
mod sweep;
mod times;
mod vanished;

use self::line::TestShard;

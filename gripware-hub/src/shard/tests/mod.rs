mod faults;
mod line;
mod recovery;
mod slow;
mod times;

use self::line::Line;

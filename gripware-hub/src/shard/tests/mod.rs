mod closing;
mod line;
mod recovery;
mod slow;

use self::line::Line;

//! The scripts. Redis knows a script by its digest once it has seen it; one that it does not know,
//! as after a restart or `SCRIPT FLUSH`, is sent again.

use redis::Script;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) append: Script,
    pub(super) read: Script,
    pub(super) clear: Script,
    pub(super) replace: Script,
    pub(super) join: Script,
    pub(super) leave: Script,
    pub(super) touch: Script,
    pub(super) list: Script,
    pub(super) count: Script,
    pub(super) lease: Script,
    pub(super) sweep: Script,
    pub(super) record: Script,
}

const LOG: &str = include_str!("lua/log.lua");
const ROOM: &str = include_str!("lua/room.lua");

impl Scripts {
    pub(super) fn new() -> Self {
        let of_log = |script: &str| Script::new(&[LOG, script].join("\n"));
        let of_room = |script: &str| Script::new(&[LOG, ROOM, script].join("\n"));
        Self {
            append: of_log(include_str!("lua/append.lua")),
            read: of_log(include_str!("lua/read.lua")),
            clear: of_log(include_str!("lua/clear.lua")),
            replace: of_log(include_str!("lua/replace.lua")),
            join: of_room(include_str!("lua/join.lua")),
            leave: of_room(include_str!("lua/leave.lua")),
            touch: of_room(include_str!("lua/touch.lua")),
            list: of_room(include_str!("lua/list.lua")),
            count: of_room(include_str!("lua/count.lua")),
            lease: of_room(include_str!("lua/lease.lua")),
            sweep: of_room(include_str!("lua/sweep.lua")),
            record: Script::new(include_str!("lua/record.lua")),
        }
    }
}

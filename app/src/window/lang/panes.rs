//! Words about panes of maps: their menus and links.

use crate::window::state::Linked;

/// Words about panes of maps.
#[derive(Debug)]
pub struct PaneTexts {
    /// One of several panes.
    pub pane: &'static str,
    /// The button of a pane's menu.
    pub menu: &'static str,
    /// Opens another pane.
    pub duplicate: &'static str,
    /// Closes the pane.
    pub close: &'static str,
    /// The button for links, where all are there.
    pub linked: &'static str,
    /// The same, before what is not linked.
    pub unlinked: &'static str,
    /// Above the list of links.
    pub links: &'static str,
    /// Names and tips of what is linked, as [`Linked::ALL`].
    pub each: [(&'static str, &'static str); 5],
    /// Before the unit of a difference.
    pub difference: &'static str,
    /// What both ends of its colours mean.
    pub difference_ends: (&'static str, &'static str),
    /// Links everything.
    pub link_all: &'static str,
    /// Links nothing.
    pub link_none: &'static str,
}

impl PaneTexts {
    /// What a link is called, and what it does.
    pub fn link(&self, what: Linked) -> (&'static str, &'static str) {
        match what {
            Linked::Cell => self.each[0],
            Linked::Zoom => self.each[1],
            Linked::Layers => self.each[2],
            Linked::Heads => self.each[3],
            Linked::Range => self.each[4],
        }
    }
}

pub(super) const ENGLISH: PaneTexts = PaneTexts {
    pane: "pane",
    menu: "Menu of this pane",
    duplicate: "New pane beside this one",
    close: "Close this pane",
    linked: "Linked with the other panes",
    unlinked: "Not linked:",
    links: "Shared with the other panes",
    each: [
        ("Cell", "The selected cell, and the one under the pointer"),
        ("Zoom", "The part of the picture that is shown"),
        ("Layers", "Which SVA layers are shown"),
        ("Heads", "Which heads are shown"),
        ("Colour range", "One range of colours for maps of the same quantity"),
    ],
    difference: "Difference",
    difference_ends: ("less", "more"),
    link_all: "Link everything",
    link_none: "Link nothing",
};

pub(super) const CHINESE: PaneTexts = PaneTexts {
    pane: "窗格",
    menu: "此窗格的菜单",
    duplicate: "在旁边新建窗格",
    close: "关闭此窗格",
    linked: "与其他窗格联动",
    unlinked: "未联动：",
    links: "与其他窗格共享",
    each: [
        ("单元格", "选中的单元格与指针下的单元格"),
        ("缩放", "显示图片的哪一部分"),
        ("层", "显示哪些 SVA 层"),
        ("注意力头", "显示哪些注意力头"),
        ("颜色范围", "同一个量的注意力图使用同一颜色范围"),
    ],
    difference: "差值",
    difference_ends: ("更少", "更多"),
    link_all: "全部联动",
    link_none: "全部不联动",
};

//! The few words that the presenters say themselves, in the user's language: they come from the message files.
//!
//! What stands in braces is put in: `{number}`, `{of}`, `{walk}`, `{title}`, `{from}`, `{to}`, `{all}`, `{count}`,
//! `{text}`, `{options}`, `{yes}`, `{no}`.

macro_rules! words {
    ($($(#[$doc:meta])* $field:ident: $key:literal,)+) => {
        /// What the presenters say, in one language.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Words {
            $($(#[$doc])* pub $field: String,)+
        }

        impl Words {
            /// The keys in the presenters' table of a message file.
            #[cfg(test)]
            pub const KEYS: &[&str] = &[$($key),+];

            /// Takes each phrase by its key; the error is the first key that has none.
            pub fn read(mut phrase: impl FnMut(&'static str) -> Option<String>) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: phrase($key).ok_or($key)?,)+
                })
            }
        }
    };
}

words! {
    /// In the frame's corner: `edgecert wizard`.
    wizard: "wizard",
    /// `{number} of {of}`.
    page_of: "page-of",
    /// Of a text that scrolls: `lines {from}-{to} of {all}`.
    lines_of: "lines-of",
    /// Of a list that is cut: `{count} more`.
    more: "more",
    /// Before what is wrong: `mistake:`.
    mistake: "mistake",
    /// The title of an explanation: `what this page is for`.
    explanation: "explanation",
    /// `yes`.
    yes: "yes",
    /// `no`.
    no: "no",
    /// In the footer: `space ticks`.
    space_ticks: "space-ticks",
    /// In the footer: `space chooses`.
    space_chooses: "space-chooses",
    /// In the footer, of yes or no: `space switches`.
    space_switches: "space-switches",
    /// In the footer, of the line that adds: `enter adds`.
    enter_adds: "enter-adds",
    /// In the footer: `enter goes on`.
    enter_goes_on: "enter-goes-on",
    /// In the footer: `esc goes back`.
    esc_goes_back: "esc-goes-back",
    /// In the footer: `? explains`.
    question_explains: "question-explains",
    /// In the footer, where `?` is a character of the answer: `F1 explains`.
    f1_explains: "f1-explains",
    /// In the footer: `pgup/pgdn scroll`.
    pages_scroll: "pages-scroll",
    /// Under an explanation: `any key leads back`.
    any_key: "any-key",
    /// Under an explanation: `ctrl-c leaves; what was answered is kept`.
    ctrl_c_leaves: "ctrl-c-leaves",
    /// Plain, once at the beginning: what an empty line, `<`, `?`, `-` and Ctrl-C do.
    plain_keys: "plain-keys",
    /// Plain, the head of a page: `{walk}, page {number} of {of}: {title}`.
    plain_page: "plain-page",
    /// Plain, at the end of a page to read: `enter goes on`.
    plain_go_on: "plain-go-on",
    /// Plain, of a choice: `number`.
    plain_number: "plain-number",
    /// Plain, of ticks: `numbers tick or untick; an empty line goes on`.
    plain_ticks: "plain-ticks",
    /// Plain, of ticks that others can be added to: `numbers tick or untick, a name is added; an empty line goes on`.
    plain_ticks_add: "plain-ticks-add",
    /// Plain, of a line that adds nothing: `"{text}" is none of the numbers 1 to {all}`.
    plain_no_such: "plain-no-such",
    /// Plain: `write {yes} or {no}`.
    plain_yes_or_no: "plain-yes-or-no",
    /// Plain, of nothing ticked: `none`.
    plain_none: "plain-none",
    /// Plain, of a line over the limit: `this line is too long; it was not taken`.
    plain_too_long: "plain-too-long",
    /// Of an answers file: `"{text}" is none of {options}`.
    script_no_such: "script-no-such",
    /// Of an answers file: `a list of texts is wanted here`.
    script_wants_list: "script-wants-list",
    /// Of an answers file: `a text is wanted here`.
    script_wants_text: "script-wants-text",
    /// Of an answers file: `true or false is wanted here`.
    script_wants_flag: "script-wants-flag",
}

/// A phrase with values put in.
pub fn say(phrase: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) => {
                match values.iter().find(|(known, _)| *known == name) {
                    Some((_, value)) => out.push_str(value),
                    None => out.push_str(&format!("{{{name}}}")),
                }
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
pub mod samples {
    //! Words for the tests of the presenters, and what message files may begin from.

    use super::Words;

    const ENGLISH: &str = r#"
wizard = "edgecert wizard"
page-of = "{number} of {of}"
lines-of = "lines {from}-{to} of {all}"
more = "{count} more"
mistake = "mistake:"
explanation = "what this page is for"
yes = "yes"
no = "no"
space-ticks = "space ticks"
space-chooses = "space chooses"
space-switches = "space switches"
enter-adds = "enter adds"
enter-goes-on = "enter goes on"
esc-goes-back = "esc goes back"
question-explains = "? explains"
f1-explains = "F1 explains"
pages-scroll = "pgup/pgdn scroll"
any-key = "any key leads back"
ctrl-c-leaves = "ctrl-c leaves; what was answered is kept"
plain-keys = "an empty line keeps what stands in [brackets], < goes back, ? explains, - empties a line, ctrl-c leaves"
plain-page = "{walk}, page {number} of {of}: {title}"
plain-go-on = "enter goes on"
plain-number = "number"
plain-ticks = "numbers tick or untick; an empty line goes on"
plain-ticks-add = "numbers tick or untick, a name is added; an empty line goes on"
plain-no-such = "\"{text}\" is none of the numbers 1 to {all}"
plain-yes-or-no = "write {yes} or {no}"
plain-none = "none"
plain-too-long = "this line is too long; it was not taken"
script-no-such = "\"{text}\" is none of {options}"
script-wants-list = "a list of texts is wanted here"
script-wants-text = "a text is wanted here"
script-wants-flag = "true or false is wanted here"
"#;

    const KOREAN: &str = r#"
wizard = "edgecert 마법사"
page-of = "{of}쪽 중 {number}쪽"
lines-of = "{all}줄 중 {from}~{to}줄"
more = "{count}개 더 있음"
mistake = "오류:"
explanation = "이 페이지 설명"
yes = "예"
no = "아니요"
space-ticks = "스페이스: 선택"
space-chooses = "스페이스: 고르기"
space-switches = "스페이스: 바꾸기"
enter-adds = "엔터: 추가"
enter-goes-on = "엔터: 다음"
esc-goes-back = "ESC: 뒤로"
question-explains = "?: 설명"
f1-explains = "F1: 설명"
pages-scroll = "PgUp/PgDn: 스크롤"
any-key = "아무 키나 누르면 돌아갑니다"
ctrl-c-leaves = "Ctrl-C: 나가기 (답은 보존됩니다)"
plain-keys = "빈 줄은 [괄호] 안의 값을 유지, <는 뒤로, ?는 설명, -는 비우기, Ctrl-C는 나가기"
plain-page = "{walk}, {of}쪽 중 {number}쪽: {title}"
plain-go-on = "엔터를 누르면 다음으로 갑니다"
plain-number = "번호"
plain-ticks = "번호를 쓰면 선택하거나 해제합니다. 빈 줄은 다음으로 갑니다"
plain-ticks-add = "번호는 선택하거나 해제하고, 이름은 추가합니다. 빈 줄은 다음으로 갑니다"
plain-no-such = "\"{text}\": 1부터 {all}까지의 번호가 아닙니다"
plain-yes-or-no = "{yes} 또는 {no}라고 쓰십시오"
plain-none = "없음"
plain-too-long = "줄이 너무 길어 받지 않았습니다"
script-no-such = "\"{text}\": {options} 중 하나가 아닙니다"
script-wants-list = "여기에는 문자열 목록이 필요합니다"
script-wants-text = "여기에는 문자열이 필요합니다"
script-wants-flag = "여기에는 true 또는 false가 필요합니다"
"#;

    fn read(text: &str) -> Words {
        let table: toml_edit::DocumentMut = text.parse().unwrap();
        assert_eq!(table.len(), Words::KEYS.len());
        Words::read(|key| Some(table.get(key)?.as_str()?.to_owned())).unwrap()
    }

    /// English.
    pub fn english() -> Words {
        read(ENGLISH)
    }

    /// Korean.
    pub fn korean() -> Words {
        read(KOREAN)
    }

    #[test]
    fn phrases_take_values() {
        let values = [("a", "{b}"), ("b", "x")];
        for (phrase, said) in [
            ("{a} and {b}", "{b} and x"),
            ("{c} {", "{c} {"),
            ("none", "none"),
        ] {
            assert_eq!(super::say(phrase, &values), said);
        }
        assert_ne!(english(), korean());
    }
}

use super::Scenario;

const HEAD: &str = "\
mode contact
phone desk is alice@example.org at 198.51.100.1:5060
at 0s
";

const REGISTERED: &str = "\
mode contact
phone desk is alice@example.org at 198.51.100.1:5060
at 0s
  desk   -> midreg  REGISTER cseq=1 contact=<sip:alice@198.51.100.1:5060> expires=300
  midreg -> main    REGISTER cseq=1 call-id=lease contact=<ours 1>;expires=7200 expires=7200
  main   -> midreg  200 contact=<ours 1>;expires=7200
  midreg -> desk    200 contact=<sip:alice@198.51.100.1:5060>;expires=300 expires=300
";

/// What is said of a scenario that cannot be read.
fn unread(text: &str) -> String {
    match Scenario::parse("test.scn", text) {
        Ok(_) => panic!("this was understood: {text}"),
        Err(fault) => fault.to_string(),
    }
}

/// What is said of a scenario that does not go as it should.
fn unplayed(text: &str) -> String {
    let scenario = Scenario::parse("test.scn", text).unwrap_or_else(|fault| panic!("{fault}"));
    match scenario.play() {
        Ok(()) => panic!("this went well: {text}"),
        Err(fault) => fault.to_string(),
    }
}

/// The same with one text in place of another.
fn altered(from: &str, to: &str) -> String {
    assert!(REGISTERED.contains(from), "{from}");
    REGISTERED.replacen(from, to, 1)
}

#[test]
fn what_goes_as_told_is_well() {
    let scenario = Scenario::parse("test.scn", REGISTERED).unwrap();
    assert!(scenario.play().is_ok());
}

#[test]
fn words_that_are_not_known_are_errors_with_their_line() {
    let lines = [
        ("desk -> midreg  REGISTRE cseq=1", "`REGISTRE` is neither"),
        (
            "desk -> midreg  REGISTER cseq=1 colour=red",
            "`colour` is no known field",
        ),
        ("desk -> midreg  REGISTER cseq=one", "`one` is no number"),
        ("desk -> midreg  REGISTER", "cseq=… is missing"),
        (
            "desk -> midreg  REGISTER cseq=1 contact=sip:a@b",
            "is no Contact",
        ),
        ("desk -> midreg  200", "this is nothing for desk to say"),
        ("desk -> main  REGISTER cseq=1", "one end must be midreg"),
        ("cell -> midreg  REGISTER cseq=1", "nobody is called cell"),
        ("midreg -> desk  REGISTER", "nobody registers at a phone"),
        ("midreg -> desk  200 password=x", "never to be heard"),
        ("desk -> midreg  again cseq=2", "cannot say anything else"),
        ("dance", "`dance` is not understood here"),
        ("mode mirror", "before the first `at`"),
        ("at 0s", "time only goes on"),
        ("bound alice@example.org", "write: bound"),
    ];
    for (line, complaint) in lines {
        let fault = unread(&format!("{HEAD}  {line}\n"));
        assert!(fault.starts_with("test.scn:4: "), "{fault}");
        assert!(fault.contains(complaint), "{fault}");
    }
}

#[test]
fn a_scenario_needs_a_mode_and_something_that_happens() {
    assert!(unread("# nothing\n").contains("there is nothing in it"));
    assert!(unread("at 0s\n").contains("no `mode`"));
    assert!(unread("mode contact\n").contains("there is no `at`"));
    assert!(unread("mode contact\nmode mirror\n").contains("told twice"));
    assert!(unread("mode fast\nat 0s\n").contains("write: mode"));
    assert!(unread("set registration.colour = red\nat 0s\n").contains("is no setting"));
    assert!(unread("phone main is a@b at 192.0.2.7:5060\n").contains("no name for a phone"));
}

#[test]
fn a_message_that_differs_is_told_with_both_sides_and_the_conversation() {
    let fault = unplayed(&altered(
        ";expires=300 expires=300",
        ";expires=299 expires=300",
    ));
    assert!(fault.starts_with("test.scn:7: its Contact is"), "{fault}");
    assert!(
        fault.contains("midreg -> desk  200 cseq=1 call-id=desk contact=<sip:alice@198.51.100.1"),
        "{fault}"
    );
    assert!(fault.contains("midreg -> desk    200 contact="), "{fault}");
    assert!(fault.contains("──▶ 203.0.113.9:5060"), "{fault}");
}

#[test]
fn each_difference_is_found() {
    let changes = [
        (
            "REGISTER cseq=1 call-id",
            "REGISTER cseq=7 call-id",
            "its CSeq is 1",
        ),
        ("call-id=lease", "call-id=desk", "call-id=desk is"),
        (
            "<ours 1>;expires=7200 expires=7200",
            "<ours 1> expires=7200",
            "its Contact is",
        ),
        ("7200 expires=7200\n", "7200\n", "it has Expires: 7200"),
        (
            "7200 expires=7200\n",
            "7200 expires=7200 auth=n\n",
            "nobody answered that nonce",
        ),
        (
            "desk    200 contact",
            "desk    403 contact",
            "it is another message",
        ),
        (
            "midreg -> desk ",
            "midreg -> main  again #",
            "it went elsewhere",
        ),
        (
            "300 expires=300",
            "300 expires=300 nonce=n",
            "it has no challenge",
        ),
        (
            "300 expires=300",
            "300 expires=300 retry-after=*",
            "it has no Retry-After",
        ),
        (
            "200 contact=<ours 1>;expires=7200",
            "503",
            "it is another message",
        ),
        (
            "200 contact=<ours 1>",
            "200 contact=<ours 2>",
            "<ours 2> was not seen yet",
        ),
    ];
    for (from, to, complaint) in changes {
        let fault = unplayed(&altered(from, to));
        assert!(fault.contains(complaint), "{complaint} is not in {fault}");
    }
}

#[test]
fn nothing_else_may_leave_midreg() {
    let silent = REGISTERED
        .lines()
        .filter(|line| !line.contains("midreg -> desk"));
    let text = silent.collect::<Vec<_>>().join("\n");
    for more in [
        "",
        "\n  silence",
        "\nat 1s",
        "\n  bound alice@example.org nothing",
    ] {
        let fault = unplayed(&format!("{text}{more}\n"));
        assert!(fault.contains("said what no line demands"), "{fault}");
    }
}

#[test]
fn nothing_may_leave_midreg_before_its_time() {
    let fault = unplayed(&format!("{REGISTERED}at 301s\n  silence\n"));
    assert!(
        fault.starts_with("test.scn:8: before this, at 300.000 s"),
        "{fault}"
    );
}

#[test]
fn what_midreg_does_not_say_is_missed() {
    let fault = unplayed(&format!("{REGISTERED}  midreg -> desk  again\n"));
    assert!(fault.contains("midreg said nothing"), "{fault}");
    let fault = unplayed(&format!("{REGISTERED}  bound alice@example.org nothing\n"));
    assert!(
        fault.contains("bound are [\"sip:alice@198.51.100.1:5060\"]"),
        "{fault}"
    );
}

#[test]
fn a_main_registrar_accepts_no_wrong_password() {
    let text = "\
mode contact
phone desk is alice@example.org at 198.51.100.1:5060 password guess
at 0s
  desk   -> midreg  REGISTER cseq=1 contact=<sip:alice@198.51.100.1:5060> expires=300
  midreg -> main    REGISTER contact=<ours 1>;expires=7200 expires=7200
  main   -> midreg  401 nonce=n
  midreg -> desk    401 nonce=n
  desk   -> midreg  REGISTER cseq=2 contact=<sip:alice@198.51.100.1:5060> expires=300 auth=n
  midreg -> main    REGISTER contact=<ours 1>;expires=7200 expires=7200 auth=n
  main   -> midreg  200 contact=<ours 1>;expires=7200
";
    let fault = unplayed(text);
    assert!(fault.starts_with("test.scn:10: "), "{fault}");
    assert!(fault.contains("wrong password with 200"), "{fault}");
}

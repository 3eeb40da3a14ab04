from kivuko.text.tables import markdown_table


def test_a_table_keeps_its_cells_apart() -> None:
    shown = markdown_table(["a", "b"], [["x|y", "one\ntwo"], [r"x\|y", ""]])
    assert shown == "| a | b |\n| --- | --- |\n| x\\|y | one two |\n| x\\|y |  |"

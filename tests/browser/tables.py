"""Files to send."""

from pathlib import Path

from openpyxl import Workbook


def write_messy_csv(path: Path, *, rows: int = 20_000) -> Path:
    """Write a table as people export them: semicolons, windows-1252, stray spaces, gaps, ragged rows."""
    lines = ["  Name ;City; ;Amount;Born", ""]
    for number in range(rows):
        match number % 10:
            case 3:
                lines.append("")
            case 5:
                lines.append(f"Ada {number};Köln;;1.234,50;3.12.1985;one too many")
            case 7:
                lines.append(f"=1+1;Paris;;{number};1.2.1990")
            case _:
                lines.append(f"  Zoë  {number} ; Paris;;{number},5;24.12.1990")
    path.write_bytes("\r\n".join(lines).encode("windows-1252"))
    return path


def write_workbook(path: Path, *, rows: int) -> Path:
    """Write a sheet with stray spaces, numbers, ids with leading zeros and two columns of one name."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Data")
    sheet.append([" Name ", "Amount", "Id", "Name"])
    for number in range(rows):
        sheet.append([f" Zoë {number} ", number * 1.5, f"{number:08}", " ok "])
    workbook.save(path)
    return path

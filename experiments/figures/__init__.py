"""The report's figures: functions from typed tables to drawings with caption and table. Needs no Docker."""

"""The law of account: whatever comes in is used, refused or named, by every road."""

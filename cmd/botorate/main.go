// Command botorate paces calls to AWS.
package main

func main() {}

// Package sim is an event queue and a virtual clock. It knows no AWS.
package sim
